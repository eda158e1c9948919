// The choices at the top of every page: language, theme, collection.
import { useEffect } from "preact/hooks";
import { html } from "./html.mjs";
import { LANGUAGES, language, t, useLanguage } from "./i18n.mjs";
import { collection, collectionNames, refreshCollections, useCollection } from "./session.mjs";
import { useStore } from "./store.mjs";
import { THEMES, theme, useTheme } from "./theme.mjs";

const NAMES = { system: "theme.system", light: "theme.light", dark: "theme.dark" };

const chosenOf = (use) => (event) => use(event.target.value);

export const LanguageChoice = () => html`
  <select class="choice" aria-label=${t("layout.language")} value=${useStore(language)} onChange=${chosenOf(useLanguage)}>
    ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code} lang=${code}>${name}</option>`)}
  </select>
`;

export const ThemeChoice = () => html`
  <select class="choice" aria-label=${t("layout.theme")} value=${useStore(theme)} onChange=${chosenOf(useTheme)}>
    ${THEMES.map((name) => html`<option value=${name}>${t(NAMES[name])}</option>`)}
  </select>
`;

// A list where the key may see the collections, else a field: a key that may only search is told its collection.
export function CollectionChoice() {
  const chosen = useStore(collection);
  const known = useStore(collectionNames);
  useEffect(() => {
    refreshCollections();
  }, [chosen]);
  const field = { class: "choice", "aria-label": t("layout.collection"), value: chosen };
  if (known === null)
    return html`<input ...${field} pattern="[A-Za-z0-9_-]+" onChange=${(event) => event.target.reportValidity() && useCollection(event.target.value)} />`;
  const names = known.includes(chosen) ? known : [chosen, ...known];
  return html`
    <select ...${field} onFocus=${refreshCollections} onChange=${chosenOf(useCollection)}>
      ${names.map((name) => html`<option value=${name}>${name}</option>`)}
    </select>
  `;
}
