// What the reader may do. The services judge; the console only leaves out what they would refuse.
import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { Session } from "../api/types";

const ROLES = ["viewer", "launcher", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];
const TEAM = "team:";

export const useSession = () => useQuery({ queryKey: ["session"], queryFn: () => get<Session>("/session"), staleTime: 60_000 });

/** Whether the reader has a role in a team, or a higher one. Without access control everybody has. */
export function hasRole(me: Session | undefined, team: string, role: Role): boolean {
  if (!me) return false;
  if (!me.access || me.deployment_admin) return true;
  return me.teams.some((one) => (one.team === team || one.team === "*") && ROLES.indexOf(one.role as Role) >= ROLES.indexOf(role));
}

/** As which team the reader may answer a question of a run; undefined: not at all. */
export function answersAs(me: Session | undefined, team: string, who: readonly string[]): string | undefined {
  if (!hasRole(me, team, "launcher")) return undefined;
  if (who.length === 0) return "";
  const teams = who.filter((one) => one.startsWith(TEAM)).map((one) => one.slice(TEAM.length));
  // Nobody checks who somebody is there.
  if (!me!.access) return teams[0] ?? "";
  if (who.includes(me!.name ?? "") || who.includes(me!.subject ?? "")) return "";
  return teams.includes(team) && !me!.deployment_admin ? team : undefined;
}
