import { ActionIcon, AppShell, Burger, Button, Group, Text, Tooltip, useMantineColorScheme } from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { Activity, Bell, GitCompareArrows, HeartPulse, KeyRound, Moon, Package, Play, Server, Shapes, Sun, Workflow } from "lucide-react";
import { useEffect } from "react";
import { get, remove } from "../api/client";
import type { Info } from "../api/types";
import { useSession } from "./may";
import { useIsDark } from "./states";

const PAGES = [
  { to: "/runs", word: "Runs", Icon: Activity, key: "r" },
  { to: "/workflows", word: "Workflows", Icon: Workflow, key: "w" },
  { to: "/launch", word: "Launch", Icon: Play, key: "l" },
  { to: "/compare", word: "Compare", Icon: GitCompareArrows, key: "c" },
  { to: "/artifacts", word: "Artifacts", Icon: Package, key: "a" },
  { to: "/types", word: "Types", Icon: Shapes, key: "t" },
  { to: "/notifications", word: "Notifications", Icon: Bell, key: "n" },
  { to: "/pools", word: "Workers", Icon: Server, key: "p" },
  { to: "/access", word: "Access", Icon: KeyRound, key: "u" },
  { to: "/health", word: "Health", Icon: HeartPulse, key: "h" },
] as const;

/** Who is signed in; where to sign in, if nobody is and somebody must. */
function Who({ path }: { path: string }) {
  const session = useSession();
  const leave = useMutation({ mutationFn: () => remove("/session"), onSuccess: () => window.location.reload() });
  const found = session.data;
  if (!found?.access) return null;
  if (!found.signed_in) return found.sign_in ? <Button component="a" size="xs" href={`${found.sign_in}?return=${encodeURIComponent(path)}`}>Sign in</Button> : null;
  return (
    <Group gap="xs" wrap="nowrap">
      <Link to={"/access" as string} className="plain cut" title={found.teams.map((one) => `${one.team}: ${one.role}`).join(", ")}><Text size="sm" className="cut" maw={220}>{found.name ?? found.subject}</Text></Link>
      {["oidc", "api_token"].includes(found.source ?? "") && <Button size="compact-xs" variant="default" loading={leave.isPending} onClick={() => leave.mutate()}>Sign out</Button>}
    </Group>
  );
}

export function Shell() {
  const [opened, { toggle, close }] = useDisclosure(false);
  const { setColorScheme } = useMantineColorScheme();
  const dark = useIsDark();
  const navigate = useNavigate();
  const { pathname, href } = useLocation();
  const info = useQuery({ queryKey: ["info"], queryFn: () => get<Info>("/info"), staleTime: 600_000 });
  const session = useSession();
  const pages = PAGES.filter(({ to }) => to !== "/access" || session.data?.access);
  useEffect(close, [pathname, close]);
  useHotkeys(PAGES.map(({ to, key }) => [`alt+${key}`, () => void navigate({ to: to as string })]));

  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 200, breakpoint: "sm", collapsed: { mobile: !opened } }} padding={{ base: "sm", sm: "lg" }}>
      <a className="skip-link" href="#main">Skip to the content</a>
      <AppShell.Header style={{ background: "var(--panel)" }}>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Link to={"/runs" as string} className="plain" aria-label="Penstock, all runs">
              <Group gap={8} wrap="nowrap">
                <img src="/favicon.svg" width={24} height={24} alt="" />
                <Text fw={700} fz={17}>Penstock</Text>
              </Group>
            </Link>
          </Group>
          <Group gap="sm" wrap="nowrap">
            <Who path={href} />
            <Tooltip label={dark ? "Light colours" : "Dark colours"}>
              <ActionIcon variant="default" aria-label={dark ? "Use light colours" : "Use dark colours"} onClick={() => setColorScheme(dark ? "light" : "dark")}>
                {dark ? <Sun size={16} /> : <Moon size={16} />}
              </ActionIcon>
            </Tooltip>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" style={{ background: "var(--panel)" }}>
        <AppShell.Section grow component="nav" aria-label="Pages">
          {pages.map(({ to, word, Icon, key }) => (
            <Link key={to} to={to as string} className="nav-link" activeOptions={{ includeSearch: false }} title={`Alt+${key.toUpperCase()}`}>
              <Icon size={17} aria-hidden /> {word}
            </Link>
          ))}
        </AppShell.Section>
        {info.data && <Text size="xs" c="dimmed" px="sm">Version {info.data.version}</Text>}
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: "none" }}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}
