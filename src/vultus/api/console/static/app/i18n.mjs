// The languages of the console. A catalogue is a JSON file of sentences, one for what all pages share ("common") and
// one for each page. t("who.title") gives text; rich("who.match", {name: html`...`}) a list of text and markup.
import { store } from "./store.mjs";

export const LANGUAGES = { en: "English", de: "Deutsch", ar: "العربية", ja: "日本語" };
const RIGHT_TO_LEFT = ["ar"];
const CHOICE = "vultus.language";
const sentences = new Map();
const parts = new Set(["common"]);
export const language = store("en");

function preferred() {
  const wanted = [localStorage.getItem(CHOICE), ...navigator.languages.map((one) => one.split("-")[0])];
  return wanted.find((one) => one in LANGUAGES) ?? "en";
}

export const startLanguage = () => useLanguage(preferred(), false);

export async function useLanguage(chosen, keep = true) {
  const read = await Promise.all([...parts].map((part) => catalogue(chosen, part)));
  sentences.clear();
  for (const each of read) fill(each);
  document.documentElement.lang = chosen;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(chosen) ? "rtl" : "ltr";
  if (keep) localStorage.setItem(CHOICE, chosen);
  language.set(chosen);
}

export async function loadSentences(part) {
  if (parts.has(part)) return;
  fill(await catalogue(language.get(), part));
  parts.add(part);
}

async function catalogue(chosen, part) {
  const answer = await fetch(new URL(`../languages/${chosen}/${part}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`no sentences of ${part}`);
  return answer.json();
}

const fill = (read) => Object.entries(read).forEach(([key, sentence]) => sentences.set(key, sentence));

export const has = (key) => sentences.has(key);
// All keys of a family, like "error.".
export const keysOf = (family) => [...sentences.keys()].filter((key) => key.startsWith(family));

// A sentence, or one for each plural category of the language (Intl.PluralRules), chosen by the value `count`.
function sentence(key, values) {
  const found = sentences.get(key) ?? key;
  if (typeof found === "string") return found;
  const category = new Intl.PluralRules(language.get()).select(values.count);
  return found[category] ?? found.other;
}

export const t = (key, values = {}) =>
  sentence(key, values).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));

export const rich = (key, values) =>
  sentence(key, values)
    .split(/(\{\w+\})/)
    .filter(Boolean)
    .map((piece) => {
      const name = /^\{(\w+)\}$/.exec(piece)?.[1];
      return name in values ? shown(values[name]) : piece;
    });

const shown = (value) => (typeof value === "number" ? number(value) : value);

export const number = (value, options) => new Intl.NumberFormat(language.get(), options).format(value);
export const moment = (text, options = { dateStyle: "medium", timeStyle: "short" }) =>
  new Intl.DateTimeFormat(language.get(), options).format(new Date(text));
// How rare a rate is, for "1 in {count}": 0.001 is 1,000. Two digits, as no rate is known better.
export const oneIn = (rate) => number(1 / rate, { maximumSignificantDigits: 2 });
export const similarity = (value) => number(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
