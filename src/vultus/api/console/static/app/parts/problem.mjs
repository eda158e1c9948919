// A failure as people read it: the sentence of the catalogue for its code, what the server said, the request's id.
import { html } from "../html.mjs";
import { has, t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";

export const sentenceOf = ({ code, detail, message }) => (has(`error.${code}`) ? t(`error.${code}`) : detail ?? message);

export function ProblemNote({ problem }) {
  const { code, detail, requestId } = problem;
  const more = has(`error.${code}`) && code !== "unreachable";
  return html`
    <div class="note bad" role="alert">
      <${Icon} name="unreliable" />
      <div>
        <p>${sentenceOf(problem)}</p>
        ${(more || requestId) && html`
          <details>
            <summary>${t("problem.more")}</summary>
            <p lang="en" dir="auto">${detail}</p>
            ${requestId && html`<p class="hint">${t("problem.request")} <code>${requestId}</code></p>`}
          </details>
        `}
      </div>
    </div>
  `;
}
