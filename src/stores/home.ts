/** Says in which folder everything that outlives a process is kept. Pure: it makes no folder. */
import { homedir } from "node:os";
import { posix, resolve, win32 } from "node:path";

export interface HomeSurroundings {
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** @default process.platform */
  readonly platform?: NodeJS.Platform;
  /** @default os.homedir() */
  readonly userFolder?: string;
}

/** `UNABRIDGED_HOME` where it is set, else the folder `unabridged` in the platform's place for application data. */
export function storeHome(surroundings: HomeSurroundings = {}): string {
  const environment = surroundings.environment ?? process.env;
  const platform = surroundings.platform ?? process.platform;
  const userFolder = surroundings.userFolder ?? homedir();
  if (environment["UNABRIDGED_HOME"]) return resolve(environment["UNABRIDGED_HOME"]);
  switch (platform) {
    case "win32":
      return win32.join(
        environment["LOCALAPPDATA"] || win32.join(userFolder, "AppData", "Local"),
        "unabridged",
      );
    case "darwin":
      return posix.join(userFolder, "Library", "Application Support", "unabridged");
    default: {
      // The XDG specification has relative paths ignored.
      const data = environment["XDG_DATA_HOME"];
      const folder = data && posix.isAbsolute(data) ? data : posix.join(userFolder, ".local", "share");
      return posix.join(folder, "unabridged");
    }
  }
}
