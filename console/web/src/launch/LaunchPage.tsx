export function LaunchPage() { return <p>…</p>; }
