// Stands in for ajv, which compiles schemas by eval: see vite.config.ts.
export default {};
