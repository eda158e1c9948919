// A style sheet that some pages have and the first one does not wait for: once loaded, it stays.
export function loadStyle(name) {
  const href = new URL(`../style/${name}.css`, import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return null;
  const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  return new Promise((done) => {
    sheet.onload = sheet.onerror = done; // a page without its style is a page all the same
    document.head.append(sheet);
  });
}
