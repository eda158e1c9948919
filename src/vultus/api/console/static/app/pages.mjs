// The pages of the console, in the order of the navigation. To add one:
//   1. a line here: name, the scope that a key needs for it (null: any key), the name of its icon in icons.mjs, and
//      the style sheets in style/ that it has beside those of all pages
//   2. pages/NAME.mjs, whose default export is the component: ({route, collection}) => html`...`
//   3. languages/*/NAME.json with its sentences, and "nav.NAME" in languages/*/common.json
import { loadSentences } from "./i18n.mjs";
import { loadStyle } from "./style.mjs";

export const PAGES = [
  { name: "who", scope: "find", icon: "search", styles: ["results"] },
  { name: "same", scope: "verify", icon: "pair", styles: ["results"] },
  { name: "people", scope: "read", icon: "people", styles: ["people", "person"] },
  { name: "review", scope: "read", icon: "review", styles: ["people", "person", "review"] },
  { name: "add", scope: "enroll", icon: "add", styles: ["add"] },
  { name: "door", scope: "find", icon: "door", styles: ["door"] },
  { name: "collections", scope: "read", icon: "folder", styles: ["records"] },
  { name: "keys", scope: "admin", icon: "key", styles: ["records"] },
  { name: "activity", scope: "admin", icon: "list", styles: ["records"] },
  { name: "system", scope: null, icon: "gauge", styles: ["records"] },
  { name: "help", scope: null, icon: "help", styles: ["records"] },
];

export const pagesOf = (session) => PAGES.filter(({ scope }) => session.may(scope));

export async function openPage({ name, styles }) {
  const [module] = await Promise.all([import(`./pages/${name}.mjs`), loadSentences(name), ...styles.map(loadStyle)]);
  return module.default;
}
