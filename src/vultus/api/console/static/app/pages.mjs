// The pages of the console, in the order of the navigation. To add one:
//   1. a line here: name, the scope that a key needs for it (null: any key), the name of its icon in icons.mjs
//   2. pages/NAME.mjs, whose default export is the component: ({route, collection}) => html`...`
//   3. languages/*/NAME.json with its sentences, and "nav.NAME" in languages/*/common.json
import { loadSentences } from "./i18n.mjs";

export const PAGES = [
  { name: "who", scope: "find", icon: "search" },
  { name: "same", scope: "verify", icon: "pair" },
  { name: "people", scope: "read", icon: "people" },
  { name: "add", scope: "enroll", icon: "add" },
  { name: "collections", scope: "read", icon: "folder" },
  { name: "keys", scope: "admin", icon: "key" },
  { name: "activity", scope: "admin", icon: "list" },
  { name: "system", scope: null, icon: "gauge" },
  { name: "help", scope: null, icon: "help" },
];

export const pagesOf = (session) => PAGES.filter(({ scope }) => session.may(scope));
export const hasPage = (name) => PAGES.some((page) => page.name === name);

export async function openPage(name) {
  const [module] = await Promise.all([import(`./pages/${name}.mjs`), loadSentences(name)]);
  return module.default;
}
