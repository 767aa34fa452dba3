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

async function send(path: string, request: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError({ detail: "the gateway does not respond" });
  }
  return answerOf(response);
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await (await send(pathOf(path, query), { signal })).json()) as T;
}

export async function getStream(path: string, query: Query, signal: AbortSignal): Promise<Response> {
  return send(pathOf(path, query), { signal });
}

export async function post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  const request = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  return (await (await send(pathOf(path), request)).json()) as T;
}

/** A part of a path, from any text. */
export const part = (text: string): string => encodeURIComponent(text);
