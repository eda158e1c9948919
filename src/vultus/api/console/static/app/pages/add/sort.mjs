// Sorts chosen files: whose photo each is, and which are left out and why. Nothing is opened here.
const PHOTOS = /\.(jpe?g|jpe|jfif|mpo|png|webp|hei[cf]|hif|avif|tiff?|bmp|dib|gif)$/i;
const OF_SYSTEMS = ["__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "thumbs.db", "desktop.ini"];
const NUMBER = /^(.+?)(?:_\d+| \(\d+\))$/; // anna_1, anna (1)
const OF_CAMERAS = /^(img|dsc[nf]?|pxl|mvimg|image|photo|screenshot|whatsapp image|wa|p)?[\d _()-]*$/i;
const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;

// found: [{path, file}]; most: bytes of a photo that the server takes. Gives the photos, and {path, reason} of the rest.
export function sortFiles(found, most) {
  const photos = [];
  const leftOut = [];
  for (const { path, file } of [...found].sort((a, b) => inOrder(a.path, b.path))) {
    const reason = whyLeftOut(path, file, most);
    if (reason) leftOut.push({ path, reason, size: file?.size });
    else photos.push({ path, file });
  }
  return { photos, leftOut };
}

function whyLeftOut(path, file, most) {
  const parts = path.split("/");
  if (parts.some((part) => part.startsWith(".") || OF_SYSTEMS.includes(part.toLowerCase()))) return "hidden";
  if (!file) return "unreadable";
  if (!PHOTOS.test(path)) return "no_image";
  if (file.size === 0) return "empty";
  return file.size > most ? "too_large" : null;
}

// How photos name their people: "folders", "names" (of files) or "one". root: the folder around all of them, if any.
export function likelyMode(photos) {
  const root = rootOf(photos);
  const below = photos.map(({ path }) => partsBelow(path, root));
  if (below.some((parts) => parts.length > 1)) return { mode: "folders", root };
  const named = below.every(([name]) => !OF_CAMERAS.test(labelOf(name)));
  return { mode: named ? "names" : "one", root };
}

// The one folder that holds everything. Where several folders were dropped, each is a person.
function rootOf(photos) {
  const firsts = new Set(photos.map(({ path }) => (path.includes("/") ? path.split("/")[0] : null)));
  return firsts.size === 1 ? [...firsts][0] : null;
}

const partsBelow = (path, root) => path.split("/").slice(root === null ? 0 : 1);
const labelOf = (name) => {
  const stem = name.replace(/\.[^.]+$/, "");
  return NUMBER.exec(stem)?.[1] ?? stem;
};

// The people of photos, by name: {subject, name, edited, skipped, photos}. one: the name of all, in that mode.
export function peopleOf(photos, { mode, root }, one) {
  const people = new Map();
  for (const { path, file } of photos) {
    const subject = (mode === "one" ? one : subjectOf(partsBelow(path, root), mode)).normalize("NFC").trim();
    if (!people.has(subject)) people.set(subject, newPerson(subject));
    people.get(subject).photos.push({ path, file, state: "waiting" });
  }
  for (const person of people.values()) for (const photo of person.photos) photo.person = person;
  return [...people.values()].sort((a, b) => inOrder(a.subject, b.subject));
}

const subjectOf = (parts, mode) => (mode === "folders" && parts.length > 1 ? parts[0] : labelOf(parts.at(-1)));
const newPerson = (subject) => ({
  subject,
  name: subject.replaceAll("_", " ").trim(),
  edited: false,
  skipped: false,
  into: null, // the id of an enrolled person of that name, where somebody chose it
  photos: [],
});
