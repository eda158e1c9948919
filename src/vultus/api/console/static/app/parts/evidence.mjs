// What stands behind a decision: the error rate of its threshold in words, and why it deserves less trust.
import { html } from "../html.mjs";
import { oneIn, t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";

// rule: threshold_rule of an answer; sentence: the key of a sentence with {count}, of 1 in so many.
export function RateNote({ rule, sentence }) {
  if (rule.expected === null) return null;
  if (rule.supported) return html`<p class="hint">${t(sentence, { count: oneIn(rule.expected) })}</p>`;
  return html`
    <div class="note warn">
      <${Icon} name="unreliable" />
      <div>
        <p>${t("evidence.unsupported", { count: oneIn(rule.expected) })}</p>
        ${rule.note && html`<p class="hint" lang="en" dir="auto">${rule.note}</p>`}
      </div>
    </div>
  `;
}

// The cautions of an answer, and that its faces are unlike those that the rates were measured on.
export function Cautions({ answer }) {
  const cautions = (answer.cautions ?? []).map(({ code, detail }) => [t(`caution.${code}`), detail]);
  if (answer.beyond) cautions.push([t("evidence.beyond"), answer.beyond_reason]);
  return cautions.map(([sentence, detail]) => html`
    <div class="note warn">
      <${Icon} name="unreliable" />
      <div>
        <p>${sentence}</p>
        ${detail && html`<p class="hint" lang="en" dir="auto">${detail}</p>`}
      </div>
    </div>
  `);
}
