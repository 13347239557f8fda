// Runs asc on one extension: `node --input-type=module --eval DRIVER -- asc.js SDK RESULT FLAG...`,
// in the extension's folder.
//
// asc reads only through here: the author's assembly folder, the SDK, its own library. So no
// asconfig.json, no node_modules, no transform of the author's is ever looked at. Messages leave
// as one JSON object a line; the module is written to RESULT.

import { readFile, writeFile } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

/** The entry: the author's registration runs first, the ABI's functions are the module's only exports. */
const ENTRY = "extension";
const ENTRY_TEXT = 'import "./assembly/index";\nexport { alloc, dealloc, run } from "ameide-extension/abi";\n';
/** asc's categories from the third on; before are pedantic and info. */
const LEVELS = [undefined, undefined, "warning", "error"];
const SDK_DIR = "ameide-sdk";

const [compiler, sdk, result, ...flags] = process.argv.slice(1);
/** Sources that were read, by the name that asc's messages call them. */
const texts = new Map();
/** What asc drew last. */
let drawn = "";
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

async function source(path, name) {
  try {
    const text = await readFile(path, "utf8");
    texts.set(name, text);
    return text;
  } catch (error) {
    // asc asks for names that may not be there. Anything else must be told.
    if (error.code !== "ENOENT" && error.code !== "ENOTDIR" && error.code !== "EISDIR") {
      say({ level: "error", message: `${path} cannot be read: ${error.code}` });
    }
    return null;
  }
}

async function own(path) {
  const text = await source(path, path);
  if (text !== null) say({ part: path });
  return text;
}

function read(name, folder) {
  const path = normalize(name).replaceAll("\\", "/");
  if (isAbsolute(path) || path.startsWith("..")) return null;
  if (folder === SDK_DIR) return source(join(sdk, path), `~lib/${path}`);
  if (path === `${ENTRY}.ts`) return ENTRY_TEXT;
  return path.startsWith("assembly/") && path.endsWith(".ts") ? own(path) : null;
}

/** The line of a place, counted from 1, where its text is known. */
function lineOf(range) {
  const text = texts.get(range?.source?.normalizedPath);
  return text === undefined ? undefined : text.slice(0, range.start).split("\n").length;
}

function report({ message, category, range }) {
  const level = LEVELS[category];
  // The author can do nothing about remarks on style, nor about the SDK's.
  if (level === undefined || (level === "warning" && range?.source?.normalizedPath.startsWith("~lib/"))) return;
  // asc has just drawn the message on its stderr.
  say({
    level,
    message,
    file: range?.source?.normalizedPath,
    line: lineOf(range),
    rendered: drawn,
  });
}

const asc = await import(pathToFileURL(compiler).href);
const { error } = await asc.main([`${ENTRY}.ts`, "--outFile", "module.wasm", "--lib", SDK_DIR, ...flags], {
  readFile: read,
  writeFile: (name, bytes) => (name === "module.wasm" ? writeFile(result, bytes) : Promise.reject(new Error(`asc wrote ${name}`))),
  listFiles: () => [],
  reportDiagnostic: report,
  stdout: { write: () => true },
  stderr: { write: (text) => Boolean((drawn = text)) },
});
if (error) {
  // Beside what was reported, this is all that asc says.
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
