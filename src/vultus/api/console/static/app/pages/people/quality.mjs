// The quality of a face in words, and of each of its parts. 0 to 100; what is weak is named at once.
import { html } from "../../html.mjs";
import { has, number, t } from "../../i18n.mjs";

const GOOD = 70; // for the words only: decisions have rules of their own
const FAIR = 40;
const wordOf = (score) => (score >= GOOD ? "good" : score >= FAIR ? "fair" : "poor");
const named = (part) => (has(`people.part_${part}`) ? t(`people.part_${part}`) : part);

export function Quality({ quality }) {
  if (!quality) return html`<p class="hint">${t("people.quality_none")}</p>`;
  const { score, ...parts } = quality;
  const sorted = Object.entries(parts).sort(([, first], [, second]) => first - second);
  const weak = sorted.filter(([, value]) => value < GOOD).slice(0, 2);
  return html`
    <details class="quality">
      <summary>
        <span class="tag ${wordOf(score)}">${t(`people.quality_${wordOf(score)}`)}</span>
        ${weak.length > 0 && html`<span class="hint">${t("people.weakest")} ${weak.map(([part]) => named(part)).join(", ")}</span>`}
      </summary>
      <dl>
        <${Part} name=${t("people.quality_all")} value=${score} />
        ${sorted.map(([part, value]) => html`<${Part} key=${part} name=${named(part)} value=${value} />`)}
      </dl>
    </details>
  `;
}

const Part = ({ name, value }) => html`
  <div class=${wordOf(value)}>
    <dt>${name}</dt>
    <dd>${t(`people.word_${wordOf(value)}`)} <span class="hint">${number(value, { maximumFractionDigits: 0 })}</span></dd>
  </div>
`;
