// A stored table in windows: a page of rows at a time, in the order of any column.
import { ActionIcon, Group, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import { get, part } from "../api/client";
import type { Rows } from "../api/types";
import { count, counted, figure } from "../ui/format";
import { Failed, Loading } from "../ui/pieces";

const PAGE = 25;

export const cell = (value: unknown): string => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : typeof value === "number" && !Number.isInteger(value) ? figure(value) : String(value));

export function StoredTable({ artifact }: { artifact: string }) {
  const [first, setFirst] = useState(0);
  const [order, setOrder] = useState<{ sort: string; descending: boolean }>({ sort: "", descending: false });
  const found = useQuery({
    queryKey: ["rows", artifact, first, order],
    queryFn: ({ signal }) => get<Rows>(`/artifacts/${part(artifact)}/rows`, { first, limit: PAGE, ...order }, signal),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
  });
  if (found.isPending) return <Loading what="rows" height={80} />;
  if (found.isError) return <Failed error={found.error} />;
  const { columns, rows, first: cells } = found.data;
  const isNumber = columns.map((_, at) => cells.some((row) => typeof row[at] === "number"));
  const sortBy = (name: string) => {
    setFirst(0);
    setOrder(order.sort !== name ? { sort: name, descending: false } : order.descending ? { sort: "", descending: false } : { sort: name, descending: true });
  };
  const last = Math.min(first + PAGE, rows);
  return (
    <div aria-busy={found.isFetching}>
      <div style={{ overflowX: "auto" }} tabIndex={0} role="region" aria-label="Table">
        <table className="value-table">
          <thead><tr>{columns.map((column, at) => (
            <th key={column.name} scope="col" className={isNumber[at] ? "number" : ""} aria-sort={order.sort === column.name ? (order.descending ? "descending" : "ascending") : undefined}>
              <button type="button" className="sort" onClick={() => sortBy(column.name)} title={`Sort by ${column.name}`}>{column.name}{order.sort === column.name && (order.descending ? <ArrowDown size={12} aria-hidden /> : <ArrowUp size={12} aria-hidden />)}</button>
              <small>{column.type}</small>
            </th>
          ))}</tr></thead>
          <tbody>{cells.map((row, index) => <tr key={index}>{columns.map((column, at) => <td key={column.name} className={isNumber[at] ? "number" : ""} title={cell(row[at])}>{cell(row[at])}</td>)}</tr>)}</tbody>
        </table>
      </div>
      <Group gap="xs" mt={6}>
        <Text size="xs" c="dimmed">{rows === 0 ? "No rows" : rows <= PAGE ? counted(rows, "row") : `Rows ${count(first + 1)} to ${count(last)} of ${count(rows)}`}{found.data.count > columns.length ? `, the first ${columns.length} of ${found.data.count} columns` : ""}</Text>
        {rows > PAGE && <Group gap={4}><ActionIcon variant="default" size="sm" disabled={first === 0} aria-label="Rows before" onClick={() => setFirst(Math.max(0, first - PAGE))}><ChevronLeft size={14} /></ActionIcon><ActionIcon variant="default" size="sm" disabled={last >= rows} aria-label="Rows after" onClick={() => setFirst(first + PAGE)}><ChevronRight size={14} /></ActionIcon></Group>}
      </Group>
    </div>
  );
}
