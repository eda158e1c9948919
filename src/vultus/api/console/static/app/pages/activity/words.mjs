// What the codes of the audit mean to people.
import { has, t } from "../../i18n.mjs";

export const ACTIONS = [
  ...["find", "verify", "enroll", "detect", "represent", "compare"],
  ...["face.photo", "face.crop", "face.move", "face.erase"],
  ...["subject.update", "subject.rename", "subject.merge", "subject.erase", "subject.export", "subject.expire", "subject.retention", "undo"],
  ...["collection.create", "collection.policy", "collection.erase", "policy.override"],
  ...["duplicates", "duplicates.dismiss", "duplicates.recall"],
  ...["unknown.keep", "unknown.photo", "unknown.assign", "unknown.ignore", "unknown.recall", "unknown.erase", "unknown.retention"],
  ...["key.create", "key.rotate", "key.revoke"],
  ...["backup", "restore", "export", "erasure.replay", "move", "job.create", "job.cancel"],
  ...["reembed", "reembed.switch", "reembed.finish", "reembed.abandon", "seals.anew", "audit.prune", "audit.lost"],
];
export const DECISIONS = ["match", "ambiguous", "unknown", "verified", "not_verified", "unreliable", "live", "attack", "unjudged"];
export const ACTORS = ["command", "server", "anyone"];

// Calls by the protocols of others have the names of these.
export const actionName = (action) => (has(`activity.action_${action}`) ? t(`activity.action_${action}`) : action);

export const actorName = (actor, keys) =>
  ACTORS.includes(actor) ? t(`activity.actor_${actor}`) : (keys.get(actor) ?? actor);
