/** What is left out of directories, globs and archives even where no .gitignore says so: nobody's text, or a copy of others'. */
export const skippedNames: readonly string[] = [
  ".git",
  ".hg",
  ".svn",
  "node_modules",
  "__pycache__",
  ".DS_Store",
];
