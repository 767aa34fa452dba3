// Requests to the REST API, which is of the same origin. An answer that is a problem becomes an error with its text.
import type { Fault, Problem } from "./types";

export class ApiError extends Error {
  readonly status: number;
  readonly faults: Fault[];
  readonly requestId: string;

  constructor(problem: Partial<Problem> & { detail: string }) {
    super(problem.detail);
    this.status = problem.status ?? 0;
    this.faults = problem.errors ?? [];
    this.requestId = problem.instance ?? "";
  }
}

type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export function pathOf(path: string, query: Query = {}): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) words.append(name, String(one));
  }
  const text = words.toString();
  return `/v1${path}${text ? `?${text}` : ""}`;
}

export async function answerOf(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = await response.text();
  try {
    throw new ApiError(JSON.parse(text) as Problem);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError({ status: response.status, detail: `the gateway answered ${response.status}` });
  }
}

// A page that has just come back from signing in is not sent there again.
const SIGNED_IN_FOR_MS = 30_000;
const SIGN_IN_KEY = "penstock-sign-in";

/** Go to sign in, if that is possible here; the page is left then, so that nothing more happens on it. */
async function signIn(): Promise<void> {
  const went = Number(sessionStorage.getItem(SIGN_IN_KEY) ?? "0");
  if (Date.now() - went < SIGNED_IN_FOR_MS) return;
  const answer = await fetch("/v1/session");
  const where = answer.ok ? ((await answer.json()) as { sign_in: string | null }).sign_in : null;
  if (!where) return;
  sessionStorage.setItem(SIGN_IN_KEY, String(Date.now()));
  window.location.assign(`${where}?return=${encodeURIComponent(window.location.pathname + window.location.search)}`);
  await new Promise(() => undefined);
}

async function send(path: string, request: RequestInit): Promise<Response> {
  let response: Response;
  // By a session, only requests with this header may change something: pages of other sites cannot set it.
  const headers = { "Penstock-CSRF": "1", ...(request.headers as Record<string, string> | undefined) };
  try {
    response = await fetch(path, { ...request, headers });
    if (response.status === 401) await signIn();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError({ detail: "the gateway does not respond" });
  }
  return answerOf(response);
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await (await send(pathOf(path, query), { signal })).json()) as T;
}

/** The text of an answer, for those who must not lose what a browser's numbers cannot hold. */
export async function getText(path: string, query: Query = {}, signal?: AbortSignal): Promise<string> {
  return (await send(pathOf(path, query), { signal })).text();
}

export async function getStream(path: string, query: Query, signal: AbortSignal): Promise<Response> {
  return send(pathOf(path, query), { signal });
}

/** No page of another site can add it: with a session, requests that change something need it. */
export const OURS = { "Penstock-Csrf": "1" };

export async function remove(path: string, query: Query = {}): Promise<void> {
  await send(pathOf(path, query), { method: "DELETE", headers: OURS });
}

const sent = async <T>(method: string, path: string, body: unknown, headers: Record<string, string> = {}, query: Query = {}): Promise<T> => {
  const request = { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...OURS, ...headers } };
  return (await (await send(pathOf(path, query), request)).json()) as T;
};

export const post = <T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> => sent<T>("POST", path, body, headers);

export const put = <T>(path: string, body: unknown, query: Query = {}): Promise<T> => sent<T>("PUT", path, body, {}, query);

/** A part of a path, from any text. */
export const part = (text: string): string => encodeURIComponent(text);
