declare module 'swagger-ui-dist/absolute-path.js' {
  /** Directory of the package's files. */
  export default function absolutePath(): string;
}
