export function WorkflowPage() { return <p>…</p>; }
