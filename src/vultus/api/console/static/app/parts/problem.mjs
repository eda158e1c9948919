// A failure as people read it: the sentence of the catalogue for its code, what the server said, the request's id.
import { html } from "../html.mjs";
import { has, t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";

export const sentenceOf = ({ code, detail, message }) => (has(`error.${code}`) ? t(`error.${code}`) : detail ?? message);

// What may go well the next time.
const PASSING = ["unreachable", "not_ready", "queue_full", "queue_timeout", "rate_limited", "internal"];

// onAgain: asks once more, for failures that may pass.
export function ProblemNote({ problem, onAgain }) {
  const { code, detail, requestId } = problem;
  const more = detail && has(`error.${code}`) && code !== "unreachable";
  return html`
    <div class="note bad" role="alert">
      <${Icon} name="unreliable" />
      <div>
        <p>${sentenceOf(problem)}</p>
        ${onAgain && PASSING.includes(code) && html`<button type="button" class="button" onClick=${onAgain}>${t("problem.again")}</button>`}
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
