import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./ui/styles.css";
import { MantineProvider, type CSSVariablesResolver } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { router } from "./router";
import { theme } from "./ui/theme";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      retry: (failures, error) => failures < 3 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 5_000),
      // A local gateway needs no internet: the browser's idea of being offline does not matter.
      networkMode: "always",
    },
  },
});

// Mantine's own greys are too pale for small text: 4.5:1 is the least that can be read.
const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: { "--mantine-color-dimmed": "#4f5964", "--mantine-color-placeholder": "#646e79", "--mantine-color-error": "#b3261e" },
  dark: { "--mantine-color-dimmed": "#a9b2bc", "--mantine-color-placeholder": "#98a1ab", "--mantine-color-error": "#ff8f86", "--mantine-color-body": "#141618", "--mantine-color-anchor": "#74b3f0" },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <MantineProvider theme={theme} defaultColorScheme="auto" cssVariablesResolver={variables}>
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
      </MantineProvider>
    </QueryClientProvider>
  </StrictMode>,
);
