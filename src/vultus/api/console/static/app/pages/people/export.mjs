// All that is held on a person, as a zip to hand out.
import { getBlob } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { PersonName } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { saveFile } from "../../parts/save-file.mjs";
import { pathOf, pythonOf } from "./calls.mjs";

export function Export({ person, onClose }) {
  const { run, busy, problem } = useAction();
  const download = async () => {
    const zip = await run(() => getBlob(`${pathOf(person)}/export`));
    if (!zip) return;
    saveFile(zip, "person.zip"); // its id may be a name
    onClose();
  };
  return html`
    <${Dialog} title=${t("people.do_export")} onClose=${onClose}>
      <p>${rich("people.export_what", { name: html`<${PersonName} person=${person} />` })}</p>
      <p class="hint">${t("people.export_care")}</p>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <div class="row">
        <button type="button" class="button primary" disabled=${busy} onClick=${download}>${t("people.export_do")}</button>
        <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
      </div>
      <${AsCode} path="${pathOf(person)}/export" python=${`Path("person.zip").write_bytes(${pythonOf(person, "export")})`} />
    <//>
  `;
}
