// Lines of the audit as a table: when, who, what, and the outcome or the decisions in words.
import { html } from "../../html.mjs";
import { has, moment, oneIn, similarity, t } from "../../i18n.mjs";
import { DataTable } from "../../parts/records/data-table.mjs";
import { actionName, actorName } from "./words.mjs";

const EXACT = { dateStyle: "medium", timeStyle: "medium" };
const TAGS = { match: "good", verified: "good", live: "good", ambiguous: "warn", unreliable: "warn", attack: "bad" };

export const Lines = ({ lines, keys }) => html`
  <${DataTable} caption=${t("activity.title")}
    heads=${[t("activity.when"), t("activity.who"), t("activity.what_done"), t("activity.outcome")]}
    rows=${lines.map((line) => ({ key: line.number, cells: cellsOf(line, keys) }))} />
`;

const cellsOf = (line, keys) => [
  html`<time datetime=${line.at}>${moment(line.at, EXACT)}</time>`,
  html`<bdi>${actorName(line.actor, keys)}</bdi>`,
  html`<strong>${actionName(line.action)}</strong>${line.collection && html`<span class="hint">${t("activity.in")} <bdi>${line.collection}</bdi></span>`}`,
  html`<${Outcome} line=${line} /><${More} line=${line} />`,
];

function Outcome({ line: { outcome, decisions } }) {
  if (decisions.length) return decisions.map((decision, i) => html`<${Decision} key=${i} decision=${decision} />`);
  if (outcome === "ok") return html`<span>${t("activity.ok")}</span>`;
  if (outcome === "unchanged") return html`<span class="tag">${t("activity.unchanged")}</span>`;
  return html`<span class="tag warn">${t("activity.refused")}</span><span>${has(`error.${outcome}`) ? t(`error.${outcome}`) : outcome}</span>`;
}

const Decision = ({ decision: { decision, ...found } }) => html`
  <span>
    <span class="tag ${TAGS[decision] ?? ""}">${has(`activity.decision_${decision}`) ? t(`activity.decision_${decision}`) : decision}</span> ${measured(found)}
  </span>
`;

// Of liveness it is a score; else the cosine, with the error rate asked for.
function measured({ similarity: cosine, score, threshold, rule, expected }) {
  const values = { similarity: similarity(cosine ?? score ?? 0), threshold: similarity(threshold) };
  if (cosine === null && score === null) return t("activity.nothing_compared");
  if (rule === "liveness") return t("activity.measured_liveness", values);
  const rate = expected && ` ${t("activity.rate", { count: oneIn(expected) })}`;
  return html`${t("activity.measured", values)}${rate}`;
}

const More = ({ line }) => html`
  <details>
    <summary class="hint">${t("activity.details")}</summary>
    <ul class="plain hint">
      <li>${t("activity.line")} <code>${line.number}</code>, <code>${line.action}</code>, <code>${line.outcome}</code></li>
      <li>${t("activity.by")} <code>${line.actor}</code></li>
      ${line.request_id && html`<li>${t("problem.request")} <code>${line.request_id}</code></li>`}
      ${line.object_count > 0 && html`<li>${t("activity.objects", { count: line.object_count })} ${line.objects.map((id) => html`<code key=${id}>${id}</code> `)}</li>`}
      ${modelsOf(line).map((model) => html`<li>${t("activity.model")} <code>${model}</code></li>`)}
    </ul>
  </details>
`;

const modelsOf = ({ decisions }) => [...new Set(decisions.map(({ model_id }) => model_id))];
