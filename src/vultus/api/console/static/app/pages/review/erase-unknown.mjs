// Erases faces of nobody known: those of one group, or all of the collection.
import { address, erase } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { postEach } from "./post-each.mjs";

// group: null for all of them; count: how many these are.
export function EraseUnknown({ collection, group, count, onClose, onErased }) {
  const { run, busy, problem } = useAction();
  const path = address`collections/${collection}/unknown`;
  const ids = group?.faces.map(({ id }) => id);
  const remove = async () => {
    const erased = await run(() => (ids ? postEach(`${path}/erase`, ids).then((answers) => answers.reduce((sum, one) => sum + one.erased, 0)) : erase(path).then((answer) => answer.erased)));
    if (erased !== undefined) onErased(erased);
  };
  const python = ids ? `client.unknown_faces.erase(${JSON.stringify(ids)}, collection=${JSON.stringify(collection)})` : `client.unknown_faces.erase_all(collection=${JSON.stringify(collection)})`;
  return html`
    <${Dialog} title=${t(ids ? "review.erase_title" : "review.erase_all_title")} onClose=${onClose}>
      <p>${t("review.erase_what", { count: ids?.length ?? count })}</p>
      <p class="hint">${t("review.erase_again")}</p>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <div class="row">
        <button type="button" class="button danger" disabled=${busy} onClick=${remove}>${t("review.erase_do")}</button>
        <button type="button" class="button" autofocus onClick=${onClose}>${t("dialog.cancel")}</button>
      </div>
      <${AsCode} method=${ids ? "POST" : "DELETE"} path=${ids ? `${path}/erase` : path} json=${ids && { ids }} python=${python} />
    <//>
  `;
}
