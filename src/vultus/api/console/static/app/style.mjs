// A style sheet of one page, loaded with it: what the first page loads stays small.
// await loadStyle("people");
export function loadStyle(name) {
  const href = new URL(`../style/${name}.css`, import.meta.url).href;
  const sheet = document.createElement("link");
  Object.assign(sheet, { rel: "stylesheet", href });
  return new Promise((done) => {
    sheet.onload = sheet.onerror = done; // a page without its style is a page all the same
    document.head.append(sheet);
  });
}
