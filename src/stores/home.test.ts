/** Where the store is, on each platform. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { storeHome } from "./home.ts";

test("the platform's folder for application data is used", () => {
  const home = (platform: NodeJS.Platform, environment: Record<string, string>): string =>
    storeHome({ platform, environment, userFolder: platform === "win32" ? "C:\\Users\\ada" : "/home/ada" });
  assert.equal(home("linux", {}), "/home/ada/.local/share/unabridged");
  assert.equal(home("linux", { XDG_DATA_HOME: "/data" }), "/data/unabridged");
  assert.equal(home("linux", { XDG_DATA_HOME: "data" }), "/home/ada/.local/share/unabridged");
  assert.equal(
    home("darwin", { XDG_DATA_HOME: "/data" }),
    "/home/ada/Library/Application Support/unabridged",
  );
  assert.equal(home("win32", { LOCALAPPDATA: "D:\\Local" }), "D:\\Local\\unabridged");
  assert.equal(home("win32", {}), "C:\\Users\\ada\\AppData\\Local\\unabridged");
});

test("UNABRIDGED_HOME comes before all, unless it is empty", () => {
  assert.equal(storeHome({ environment: { UNABRIDGED_HOME: "/mine", XDG_DATA_HOME: "/data" } }), "/mine");
  const empty = storeHome({
    environment: { UNABRIDGED_HOME: "" },
    platform: "linux",
    userFolder: "/home/ada",
  });
  assert.equal(empty, "/home/ada/.local/share/unabridged");
});
