// The models of the server with their licences; asked for once, as they change only with a restart.
import { get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { number, t } from "../../i18n.mjs";
import { useAnswer } from "../../parts/records/answer.mjs";
import { DataTable } from "../../parts/records/data-table.mjs";
import { ProblemNote } from "../../parts/problem.mjs";

// used: those in memory, with their arithmetic.
export function Models({ used }) {
  const { answer, problem } = useAnswer((signal) => get("capabilities", {}, { signal }));
  if (problem) return html`<${ProblemNote} problem=${problem} />`;
  if (!answer) return null;
  const uses = (model) => used.some((one) => one.model === model.model_id);
  const there = answer.models.filter(({ installed }) => installed).sort((one, other) => uses(other) - uses(one));
  const others = answer.models.filter(({ installed }) => !installed);
  return html`
    <section class="card stack">
      <h2>${t("system.models")}</h2>
      <${ModelTable} models=${there} used=${used} standard=${answer.defaults.model_name} />
      <p>${livenessOf(answer.liveness)}</p>
      ${others.length > 0 && html`
        <details>
          <summary>${t("system.not_installed", { count: others.length })}</summary>
          <p class="hint">${t("system.install")} <code dir="ltr">vultus models pull ${others[0].model_id}</code></p>
          <${ModelTable} models=${others} used=${[]} />
        </details>
      `}
    </section>
  `;
}

const ModelTable = ({ models, used, standard }) => html`
  <${DataTable} caption=${t("system.models")}
    heads=${[t("system.model"), t("system.state"), t("system.licence"), t("system.trained")]}
    rows=${models.map((model) => ({ key: model.model_id, cells: cellsOf(model, used, standard) }))} />
`;

function cellsOf(model, used, standard) {
  const running = used.find((one) => one.model === model.model_id);
  return [
    html`<code dir="ltr">${model.model_id}</code>${model.model_id === standard && html`<span class="tag">${t("system.standard")}</span>`}`,
    html`<span>${t(running ? "system.in_memory" : model.installed ? "system.installed" : "system.away")}</span><span class="hint">${running?.precision ?? model.precision}</span>`,
    html`<bdi>${model.licence}</bdi><span class="tag ${model.commercial_use ? "good" : "warn"}">${t(model.commercial_use ? "system.commercial" : "system.not_commercial")}</span>`,
    html`<span class="hint" lang="en" dir="auto">${model.training_data}</span>`,
  ];
}

const livenessOf = (liveness) =>
  liveness.installed
    ? t("system.liveness", { model: liveness.model_id, share: number(liveness.bpcer, { style: "percent" }) })
    : t("system.no_liveness");
