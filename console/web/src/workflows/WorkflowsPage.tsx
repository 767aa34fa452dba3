export function WorkflowsPage() { return <p>…</p>; }
