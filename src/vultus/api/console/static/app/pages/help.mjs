// Help: what a person needs to use the console well, without another page or network, and where more is.
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.mjs";
import { has, keysOf, oneIn, t } from "../i18n.mjs";
import { DataTable } from "../parts/records/data-table.mjs";
import { link } from "../router.mjs";

const RATES = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];
// The name in the address, the name in the catalogue, what stands below the sentences.
const SECTIONS = [
  ["answers", "verdict", null],
  ["error-rates", "rates", () => html`<${Rates} />`],
  ["photos", "photos", null],
  ["privacy", "privacy", null],
  ["reverse-proxy", "proxy", null],
  ["keyboard", "keyboard", null],
  ["errors", "errors", () => html`<${Codes} family="error." title="help.errors_title" />`],
  ["cautions", "cautions", () => html`<${Codes} family="caution." title="help.cautions_title" />`],
  ["more", "more", () => html`<${More} />`],
];
const CADDYFILE = "faces.example.org {\n  reverse_proxy 127.0.0.1:8000\n}";
const AFTER = { "help.proxy_3": () => html`<pre class="line" dir="ltr">${CADDYFILE}</pre>` };

export default function Help({ route }) {
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("help.title")}</h1></header>
      <nav class="card" aria-label=${t("help.contents")}>
        <ul class="plain">
          ${SECTIONS.map(([address, name]) => html`<li key=${name}><a href=${link("help", address)}>${t(`help.${name}_title`)}</a></li>`)}
        </ul>
      </nav>
      ${SECTIONS.map(([address, name, below]) => html`
        <${Section} key=${name} name=${name} below=${below} wanted=${route.rest[0] === address && route} />
      `)}
    </div>
  `;
}

// wanted: the route that asks for this section, so that the same link leads here again; false where it asks for another.
function Section({ name, below, wanted }) {
  const heading = useRef();
  useEffect(() => {
    if (!wanted) return;
    heading.current.focus({ preventScroll: true });
    heading.current.scrollIntoView();
  }, [wanted]);
  return html`
    <section class="card stack reading">
      <h2 tabindex="-1" ref=${heading}>${t(`help.${name}_title`)}</h2>
      <${Sentences} family=${`help.${name}_`} />
      ${below && below()}
    </section>
  `;
}

// help.photos_1, help.photos_2, ... as far as they go: a paragraph where there is one, else a list.
function Sentences({ family }) {
  const keys = [];
  while (has(`${family}${keys.length + 1}`)) keys.push(`${family}${keys.length + 1}`);
  if (!keys.length) return null;
  if (keys.length === 1) return html`<p>${t(keys[0])}</p>`;
  return html`<ul class="plain">${keys.map((key) => html`<li key=${key}>${t(key)}${AFTER[key]?.()}</li>`)}</ul>`;
}

const Rates = () => html`
  <${DataTable} caption=${t("help.rates_title")} heads=${[t("help.rate"), t("help.rate_for")]}
    rows=${RATES.map((rate, i) => ({
      key: rate,
      cells: [html`<strong>${t("help.rate_one", { count: oneIn(rate) })}</strong>`, t(`help.rate_for_${i + 2}`)],
    }))} />
`;

// What the catalogue has for each code that the API answers.
const Codes = ({ family, title }) => html`
  <${DataTable} caption=${t(title)} heads=${[t("help.code"), t("help.message")]}
    rows=${keysOf(family).sort().map((key) => ({ key, cells: [html`<code dir="ltr">${key.slice(family.length)}</code>`, t(key)] }))} />
`;

const More = () => html`
  <p>${t("help.more_api")} <a href="docs">docs</a></p>
  <p>${t("help.more_python")}</p>
  <p>${t("help.more_documents")} <a href="console/documents">console/documents</a></p>
`;
