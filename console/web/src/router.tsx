import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { Shell } from "./ui/Shell";
import { Empty, Failed, Page } from "./ui/pieces";
import { parseSearch, stringifySearch, type Search } from "./ui/links";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => <Page title="There is no such page"><Empty title="Nothing is here">Choose a page from the menu.</Empty></Page>,
  errorComponent: ({ error }) => <Failed error={error} />,
  validateSearch: (search: Record<string, unknown>): Search => search as Search,
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/runs" as string });
  },
});
const runs = createRoute({ getParentRoute: () => root, path: "/runs", component: lazyRouteComponent(() => import("./runs/RunsPage"), "RunsPage") });
const run = createRoute({ getParentRoute: () => root, path: "/runs/$run", component: lazyRouteComponent(() => import("./run/RunPage"), "RunPage") });
const workflows = createRoute({ getParentRoute: () => root, path: "/workflows", component: lazyRouteComponent(() => import("./workflows/WorkflowsPage"), "WorkflowsPage") });
const workflow = createRoute({ getParentRoute: () => root, path: "/workflows/$name", component: lazyRouteComponent(() => import("./workflows/WorkflowPage"), "WorkflowPage") });
const launch = createRoute({ getParentRoute: () => root, path: "/launch", component: lazyRouteComponent(() => import("./launch/LaunchPage"), "LaunchPage") });
const compare = createRoute({ getParentRoute: () => root, path: "/compare", component: lazyRouteComponent(() => import("./compare/ComparePage"), "ComparePage") });
const pools = createRoute({ getParentRoute: () => root, path: "/pools", component: lazyRouteComponent(() => import("./pools/PoolsPage"), "PoolsPage") });
const health = createRoute({ getParentRoute: () => root, path: "/health", component: lazyRouteComponent(() => import("./health/HealthPage"), "HealthPage") });
const artifacts = createRoute({ getParentRoute: () => root, path: "/artifacts", component: lazyRouteComponent(() => import("./artifacts/ArtifactsPage"), "ArtifactsPage") });
const artifact = createRoute({ getParentRoute: () => root, path: "/artifacts/$artifact", component: lazyRouteComponent(() => import("./artifacts/ArtifactPage"), "ArtifactPage") });
const types = createRoute({ getParentRoute: () => root, path: "/types", component: lazyRouteComponent(() => import("./types/TypesPage"), "TypesPage") });
const type = createRoute({ getParentRoute: () => root, path: "/types/$name", component: lazyRouteComponent(() => import("./types/TypePage"), "TypePage") });
const notifications = createRoute({ getParentRoute: () => root, path: "/notifications", component: lazyRouteComponent(() => import("./notifications/NotificationsPage"), "NotificationsPage") });
const access = createRoute({ getParentRoute: () => root, path: "/access", component: lazyRouteComponent(() => import("./access/AccessPage"), "AccessPage") });

export const router = createRouter({
  routeTree: root.addChildren([home, runs, run, workflows, workflow, launch, compare, pools, health, artifacts, artifact, types, type, notifications, access]),
  parseSearch,
  stringifySearch,
  defaultPreload: false,
  scrollRestoration: true,
});
