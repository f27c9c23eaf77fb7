/** The full-text tables: which messages may have a text, or a word. It verifies nothing and knows no branch. */
import type { DatabaseSync } from "node:sqlite";
import { numberIn, statement } from "../parts/part.ts";
import { indexedText, spacedWords } from "./search-text.ts";

/**
 * Neither table keeps the texts, nor where in a text a sequence is: what is found is verified against the message, which
 * also makes it exact. What is removed is removed from the disk, not just marked.
 */
export const searchIndexSql: string = `create virtual table message_trigrams using fts5(
  body, content = '', tokenize = 'trigram case_sensitive 1', detail = none, columnsize = 0);
create virtual table message_words using fts5(
  body, content = '', tokenize = "porter unicode61 remove_diacritics 2 categories 'L* N* Co M*'", detail = none,
  columnsize = 0);
insert into message_trigrams (message_trigrams, rank) values ('secure-delete', 1);
insert into message_words (message_words, rank) values ('secure-delete', 1);`;

export interface SearchIndex {
  insert(message: number, conversation: number, text: string): void;
  /** @param text exactly what was inserted */
  remove(message: number, conversation: number, text: string): void;
  /** Messages that have all sequences of one of the alternatives, before or after a number. */
  withTrigrams(alternatives: readonly (readonly string[])[], range: IndexRange): IterableIterator<number>;
  /** Messages with a word. */
  withWord(word: IndexedWord, range: IndexRange): IterableIterator<number>;
  /** Counted up to `most` only. */
  countWord(word: IndexedWord, range: IndexRange, most: number): number;
}

export interface IndexedWord {
  readonly word: string;
  readonly isPrefix: boolean;
}

export interface IndexRange {
  readonly conversation: number | undefined;
  /** Numbers of messages, both excluded. */
  readonly above: number;
  readonly below: number;
  readonly newestFirst: boolean;
}

export function openSearchIndex(database: DatabaseSync): SearchIndex {
  const insertTrigrams = statement(database, "insert into message_trigrams (rowid, body) values (?, ?)");
  const insertWords = statement(database, "insert into message_words (rowid, body) values (?, ?)");
  const remove = (table: string): string =>
    `insert into ${table} (${table}, rowid, body) values ('delete', ?, ?)`;
  const removeTrigrams = statement(database, remove("message_trigrams"));
  const removeWords = statement(database, remove("message_words"));
  const match = (table: string, order: string): string =>
    `select rowid as number from ${table} where ${table} match ? and rowid > ? and rowid < ? order by rowid ${order}`;
  const trigramsDown = statement(database, match("message_trigrams", "desc"));
  const trigramsUp = statement(database, match("message_trigrams", "asc"));
  const wordsDown = statement(database, match("message_words", "desc"));
  const wordsUp = statement(database, match("message_words", "asc"));
  const wordCount = statement(
    database,
    `select count(*) as count from (
       select 1 from message_words where message_words match ? and rowid > ? and rowid < ? limit ?)`,
  );

  return {
    insert(message, conversation, text) {
      const [trigrams, words] = bodiesOf(conversation, text);
      insertTrigrams().run(message, trigrams);
      insertWords().run(message, words);
    },
    remove(message, conversation, text) {
      const [trigrams, words] = bodiesOf(conversation, text);
      removeTrigrams().run(message, trigrams);
      removeWords().run(message, words);
    },
    *withTrigrams(alternatives, { conversation, above, below, newestFirst }) {
      const any = alternatives.map((trigrams) => `(${trigrams.map(quoted).join(" AND ")})`).join(" OR ");
      const own = conversation === undefined ? "" : ` AND ${quoted(tagOf(conversation))}`;
      const rows = (newestFirst ? trigramsDown() : trigramsUp()).iterate(`(${any})${own}`, above, below);
      for (const row of rows) yield numberIn(row, "number");
    },
    *withWord(word, { conversation, above, below, newestFirst }) {
      const rows = (newestFirst ? wordsDown() : wordsUp()).iterate(
        expressionOf(word, conversation),
        above,
        below,
      );
      for (const row of rows) yield numberIn(row, "number");
    },
    countWord: (word, { conversation, above, below }, most) =>
      numberIn(wordCount().get(expressionOf(word, conversation), above, below, most) ?? {}, "count"),
  };
}

function bodiesOf(conversation: number, text: string): [trigrams: string, words: string] {
  const tag = tagOf(conversation);
  return [`${tag}${indexedText(text)}`, `${tag} ${spacedWords(text).replaceAll("\0", " ")}`];
}

function expressionOf({ word, isPrefix }: IndexedWord, conversation: number | undefined): string {
  const own = conversation === undefined ? "" : ` AND ${quoted(tagOf(conversation))}`;
  return `${quoted(word)}${isPrefix ? " *" : ""}${own}`;
}

/**
 * Three characters of private use that say whose message it is: one conversation among many is then found as fast as
 * if it were alone.
 */
function tagOf(conversation: number): string {
  const digit = (place: number): string =>
    String.fromCharCode(0xe000 + (Math.floor(conversation / 6400 ** place) % 6400));
  return digit(2) + digit(1) + digit(0);
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
