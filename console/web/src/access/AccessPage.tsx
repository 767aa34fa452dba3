import { Group, Tabs, Text } from "@mantine/core";
import { textOf } from "../ui/links";
import { useAddress } from "../ui/lists";
import { useSession } from "../ui/may";
import { Empty, Facts, Failed, Loading, Page } from "../ui/pieces";
import { AuditView } from "./AuditView";
import { MembersView } from "./MembersView";
import { TokensView } from "./TokensView";

/** Who is signed in; what they may see depends on their role, which the services judge. */
export function AccessPage() {
  const { search, change } = useAddress("/access");
  const session = useSession();
  if (session.isPending) return <Page title="Access"><Loading what="who is signed in" /></Page>;
  if (session.isError) return <Page title="Access"><Failed error={session.error} /></Page>;
  const me = session.data;
  if (!me.access) return <Page title="Access"><div className="panel"><Empty title="Access control is off">Everybody who reaches this address may do everything. <span className="mono">PENSTOCK_ACCESS=true</span> turns it on: then teams, roles, tokens and the audit are here.</Empty></div></Page>;
  if (!me.signed_in) return <Page title="Access"><div className="panel"><Empty title="Nobody is signed in">{me.sign_in ? "Sign in at the top right." : "Open this address with the link that penstock up prints."}</Empty></div></Page>;
  const isAdmin = me.deployment_admin;
  const teams = me.teams.filter((one) => isAdmin || one.role === "admin").map((one) => one.team);
  return (
    <Page title="Access">
      <section className="panel" style={{ padding: 16 }}>
        <Facts of={[
          ["Signed in as", <><b key="n">{me.name ?? me.subject}</b>{me.name !== me.subject && <Text key="s" span size="sm" c="dimmed" className="mono"> {me.subject}</Text>}</>],
          ["By", me.source === "oidc" ? "the identity provider" : me.source === "api_token" ? "an API token" : (me.source ?? "–")],
          ["Roles", isAdmin ? "admin of the deployment: everything in every team" : me.teams.length === 0 ? "none" : <Group key="r" gap={6}>{me.teams.map((one) => <span key={one.team} className="label">{one.team}: {one.role}</span>)}</Group>],
        ]} />
      </section>
      <Tabs value={textOf(search.tab) ?? "tokens"} onChange={(tab) => change({ tab: tab ?? "" })} keepMounted={false}>
        <Tabs.List><Tabs.Tab value="tokens">Tokens</Tabs.Tab><Tabs.Tab value="members">Members</Tabs.Tab>{isAdmin && <Tabs.Tab value="audit">Audit</Tabs.Tab>}</Tabs.List>
        <Tabs.Panel value="tokens" pt="md"><TokensView me={me} /></Tabs.Panel>
        <Tabs.Panel value="members" pt="md"><MembersView teams={teams} isAdmin={isAdmin} /></Tabs.Panel>
        {isAdmin && <Tabs.Panel value="audit" pt="md"><AuditView /></Tabs.Panel>}
      </Tabs>
    </Page>
  );
}
