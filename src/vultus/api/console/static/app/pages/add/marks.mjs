// What this tab has enrolled already, so that a reload does not send it again. Only digests are kept, no names; they go
// with the tab, with the end of the import, and with signing out.
const MARK = "vultus.added.";
const RUN = "vultus.adding";
const KEPT = "1";

export const isMarked = (photo, collection) => sessionStorage.getItem(MARK + digest(photo, collection)) !== null;

export function mark(photo, collection) {
  keep(MARK + digest(photo, collection), KEPT);
}

// {collection, done, total} of an import that a reload interrupted; null where there is none.
export const interrupted = () => JSON.parse(sessionStorage.getItem(RUN));
export const keepRun = (run) => keep(RUN, JSON.stringify(run));

export function forgetAll() {
  for (const name of Object.keys(sessionStorage)) if (name === RUN || name.startsWith(MARK)) sessionStorage.removeItem(name);
}

function keep(name, value) {
  try {
    sessionStorage.setItem(name, value);
  } catch {
    // It is full: photos are sent again after a reload, and are the same faces.
  }
}

// By whom, where, name, size and time: a photo that was changed is another one. 53 bits of two FNV-1a-like hashes, as
// crypto.subtle is not there on plain http.
function digest({ path, file, person }, collection) {
  const text = JSON.stringify([document.baseURI, collection, person.into ?? person.subject, path, file.size, file.lastModified]);
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    high = Math.imul(high ^ text.charCodeAt(i), 2654435761);
    low = Math.imul(low ^ text.charCodeAt(i), 1597334677);
  }
  return (4294967296 * ((low ^ (high >>> 15)) & 0x1fffff) + ((high ^ (low >>> 13)) >>> 0)).toString(36);
}
