// What is read across the room: the name or "unknown", by word, icon and colour, and when it was seen.
import { html } from "../../html.mjs";
import { moment, rich, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { sentenceOf } from "../../parts/problem.mjs";

const ICONS = { nobody: "camera", attack: "unreliable", waits: "unreliable" };
const CLOCK = { timeStyle: "medium" };
const AWAY = ["unreachable", "not_ready", "internal", "unexpected"];

export function Sign({ seen, waits }) {
  const kind = waits ? "waits" : (seen?.kind ?? "nobody");
  return html`
    <section class="sign ${kind}">
      <${Icon} name=${ICONS[kind] ?? kind} />
      <div aria-live="polite">
        <p class="sign-word" dir="auto">${wordOf(kind, seen)}</p>
        <p class="sign-more">${moreOf(kind, seen, waits)}</p>
      </div>
      ${seen && !waits && html`<p class="sign-time"><time datetime=${seen.at.toISOString()}>${moment(seen.at, CLOCK)}</time></p>`}
    </section>
  `;
}

const nameOf = ({ name, subject }) => html`<bdi>${name ?? subject}</bdi>`;

function wordOf(kind, seen) {
  const [first, second] = seen?.face?.matches ?? [];
  if (kind === "match") return nameOf(first);
  if (kind === "ambiguous") return rich("door.ambiguous", { first: nameOf(first), second: nameOf(second) });
  return t(`door.word_${kind}`);
}

function moreOf(kind, seen, waits) {
  if (waits) return t(waits.code === "rate_limited" ? "door.waits_rate" : AWAY.includes(waits.code) ? "door.waits_server" : "door.waits_busy");
  if (seen?.code) return sentenceOf(seen);
  const doubt = kind === "match" && doubtOf(seen.face);
  if (doubt) return doubt;
  const live = seen?.face?.liveness?.decision;
  if (live === "live" && kind === "match") return t("door.live_yes");
  if (live === "unjudged") return t("caution.liveness_not_judged");
  return kind === "match" ? "" : t(`door.more_${kind}`);
}

// Why a name deserves less trust than its letters are big: a child, say.
function doubtOf({ cautions = [], beyond }) {
  if (cautions.length) return t(`caution.${cautions[0].code}`);
  return beyond ? t("evidence.beyond") : "";
}
