// Files and folders that somebody chose or dropped, as [{path, file}]. path: below what was chosen, like team/anna/1.jpg;
// file: null where the browser may not read it, or what it names is a folder that cannot be listed.
export const filesOfInput = (input) =>
  [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

// onCount(files so far). Folders are read to the end; the entries have to be taken while the drop is handled.
export async function filesOfDrop(transfer, onCount) {
  const files = [...transfer.files];
  const waiting = [...transfer.items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry?.());
  if (!waiting.length || waiting.includes(null) || waiting.includes(undefined))
    return files.map((file) => ({ path: file.name, file }));
  const found = [];
  for (let next = 0; next < waiting.length; next++) {
    const entry = waiting[next];
    if (entry.isDirectory) waiting.push(...(await entriesOf(entry, found)));
    else found.push({ path: pathOf(entry), file: await fileOf(entry) });
    if (next % 100 === 0) onCount?.(found.length);
  }
  return found;
}

const pathOf = (entry) => entry.fullPath.replace(/^\//, "");
const fileOf = (entry) => new Promise((done) => entry.file(done, () => done(null)));

// A folder gives its entries some at a time, until it gives none.
async function entriesOf(folder, found) {
  const reader = folder.createReader();
  const some = () => new Promise((done, failed) => reader.readEntries(done, failed));
  const all = [];
  try {
    for (let read = await some(); read.length; read = await some()) all.push(...read);
  } catch {
    found.push({ path: pathOf(folder), file: null });
  }
  return all;
}
