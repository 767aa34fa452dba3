import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { Channels, Deliveries, Rules } from "../api/types";
import { textOf } from "../ui/links";
import { useAddress } from "../ui/lists";
import { Failed, Loading, Page } from "../ui/pieces";
import { ChannelsView } from "./ChannelsView";
import { DeliveriesView } from "./DeliveriesView";
import { RulesView } from "./RulesView";

export function NotificationsPage() {
  const { search, change } = useAddress("/notifications");
  const channels = useQuery({ queryKey: ["channels"], queryFn: ({ signal }) => get<Channels>("/notifications/channels", {}, signal) });
  const rules = useQuery({ queryKey: ["rules"], queryFn: ({ signal }) => get<Rules>("/notifications/rules", {}, signal) });
  const dead = useQuery({ queryKey: ["deliveries", "dead", "count"], queryFn: ({ signal }) => get<Deliveries>("/notifications/deliveries", { state: ["dead"], limit: 100 }, signal), refetchInterval: 10_000 });
  const error = channels.error ?? rules.error;
  const dying = dead.data?.deliveries.length ?? 0;
  return (
    <Page title="Notifications" subtitle="Who is told when runs end, and whether the messages arrived.">
      {channels.isPending || rules.isPending ? <Loading what="channels and rules" /> : error ? <Failed error={error} /> : (
        <Tabs value={textOf(search.tab) ?? "rules"} onChange={(tab) => change({ tab: tab ?? "" })} keepMounted={false}>
          <Tabs.List>
            <Tabs.Tab value="rules">Rules ({rules.data?.rules.length})</Tabs.Tab>
            <Tabs.Tab value="channels">Channels ({channels.data?.channels.length})</Tabs.Tab>
            <Tabs.Tab value="messages">Messages{dying > 0 ? ` (${dying}${dead.data?.next ? "+" : ""} given up)` : ""}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="rules" pt="md"><RulesView rules={rules.data?.rules ?? []} channels={channels.data?.channels ?? []} /></Tabs.Panel>
          <Tabs.Panel value="channels" pt="md"><ChannelsView channels={channels.data?.channels ?? []} /></Tabs.Panel>
          <Tabs.Panel value="messages" pt="md"><DeliveriesView /></Tabs.Panel>
        </Tabs>
      )}
    </Page>
  );
}
