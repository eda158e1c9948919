// Who is signed in: the key of this tab, and what it may do. phase: starting, unready, out, open.
import { Problem, ask, get, whenKeyIsRefused } from "./api.mjs";
import { currentKey, forgetKey, keepKey, keyFromAddress } from "./key.mjs";
import { store } from "./store.mjs";

const CHOSEN = "vultus.collection";
const AGAIN_MS = 1500;
const may = (scopes) => (scope) => scope === null || scopes.includes(scope) || scopes.includes("admin");
const nobody = { phase: "starting", key: null, problem: null, keyless: false, may: () => false };

export const session = store(nobody);
export const collection = store(sessionStorage.getItem(CHOSEN) ?? "default");
export const collectionNames = store([]); // null where the key may not list them

export function useCollection(name) {
  sessionStorage.setItem(CHOSEN, name);
  collection.set(name);
}

export async function startSession() {
  whenKeyIsRefused(leave);
  addEventListener("hashchange", () => location.hash.startsWith("#key=") && location.reload());
  const given = keyFromAddress();
  if (given) keepKey(given);
  await enter();
}

// Raises nothing: why a key is refused is in `problem` of the session.
export async function signIn(key) {
  keepKey(key);
  await enter();
}

export const signOut = () => leave(null);

function leave(problem) {
  const had = currentKey() !== null;
  if (!had && session.get().phase === "out") return; // of several calls under way, the first one says why
  forgetKey();
  collectionNames.set([]);
  session.set({ ...nobody, phase: "out", problem: had ? problem : null });
}

async function enter() {
  try {
    open(await get("keys/self"));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 404) open({ name: null, scopes: ["admin"], collections: null }, true);
    else if (problem.status !== 401) waitForServer(problem);
  }
}

// keyless: the server asks for no keys, so that there is nothing to sign in to or out of.
function open(key, keyless = false) {
  const limited = key.collections;
  if (limited && !limited.includes(collection.get())) useCollection(limited[0]);
  session.set({ phase: "open", key, keyless, problem: null, may: may(key.scopes) });
}

function waitForServer(problem) {
  session.set({ ...nobody, phase: "unready", problem });
  setTimeout(enter, (problem.retryAfter ?? 0) * 1000 || AGAIN_MS);
}

// The collections that the key may see by name; null where it may not list them.
export async function listCollections() {
  const { key, may } = session.get();
  if (!may("read")) return key.collections;
  const { collections } = await ask("GET", "collections");
  return collections.map((one) => one.collection);
}

// After one was made or deleted: here, in another tab, or by a program.
export const refreshCollections = () =>
  listCollections().then(collectionNames.set, () => collectionNames.set(null)); // what a page then asks says why
