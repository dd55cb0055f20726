/**
 * The syntax tree of a script and the ways to walk it: find the node of a function by V8's position, list what a module
 * declares and exports, and visit what a function takes from its surroundings without naming a variable (`this`,
 * `super`, `arguments`, `new.target`, `import.meta`).
 */
import { createRequire } from 'node:module';
import type { ScopeManager } from 'eslint-scope';
import { ownFolder, ownUrl } from './own.ts';

/** Any ESTree node; the walkers below look only at shapes. */
// biome-ignore lint/suspicious/noExplicitAny: ESTree is a union of some seventy shapes, read here by `type`
export type Node = { type: string; start: number; end: number } & Record<string, any>;

export type Syntax = {
  text: string;
  isModule: boolean;
  program: Node;
  /** Offset of the first character of each line. */
  lines: number[];
  /** Names bound at the top level, including hoisted `var`s and imports. */
  declared: Set<string>;
  /** Names that something assigns to after their declaration, in whatever scope. */
  assigned: Set<string>;
  /** Local name → export name. */
  exports: Map<string, string>;
};

// Loaded on the first capture only: a thread that merely receives functions needs no parser. Bundlers know a literal
// `require('…')` and pack what it names; in an ES module that was not bundled there is none.
const required = createRequire(ownUrl);
/** Under `node -e` and in the REPL there is a global `require`, which looks from the current folder. */
const isBundled = (): boolean =>
  ownFolder === undefined && typeof require === 'function' && require !== (globalThis as { require?: unknown }).require;
let acorn: typeof import('acorn') | undefined;
let eslintScope: typeof import('eslint-scope') | undefined;

/** Parses a script; throws acorn's `SyntaxError`. */
export function parseScript(text: string, isModule: boolean): Syntax {
  acorn ??= isBundled() ? require('acorn') : required('acorn');
  const program = acorn!.parse(text, {
    ecmaVersion: 'latest',
    sourceType: isModule ? 'module' : 'commonjs',
    allowHashBang: true,
    ranges: true,
  }) as unknown as Node;
  if (!isModule) program.body = wrappedBody(text, program) ?? program.body;
  const lines = [0];
  for (const end of text.matchAll(/\r\n|[\n\r\u2028\u2029]/g)) lines.push(end.index + end[0].length);
  const syntax: Syntax = {
    text,
    isModule,
    program,
    lines,
    declared: new Set(),
    assigned: new Set(),
    exports: new Map(),
  };
  for (const statement of program.body as Node[]) {
    declareTopLevel(statement, syntax, true);
    if (statement.type.startsWith('Export')) noteExports(statement, syntax.exports);
  }
  collectAssigned(program, syntax.assigned);
  return syntax;
}

/**
 * The start of what tsx makes of a CommonJS file: `__filename="…";(()=>{`, the file's code, `})()`. What stands at the top
 * level of the file is then inside of an arrow, and yet the module's own.
 */
export const WRAPPED = /^\s*__filename=(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*');\(\(\)=>\{/;

function wrappedBody(text: string, program: Node): Node[] | undefined {
  if (!WRAPPED.test(text)) return undefined;
  const call: Node | undefined = program.body[1]?.expression;
  if (call?.type !== 'CallExpression' || call.callee.type !== 'ArrowFunctionExpression') return undefined;
  return call.callee.body.body;
}

/** The scopes of one top-level statement. Names of other statements stay unresolved in it. */
export function scopesOf(statement: Node, isModule: boolean): ScopeManager {
  eslintScope ??= isBundled() ? require('eslint-scope') : required('eslint-scope');
  const program = { type: 'Program', body: [statement], range: [statement.start, statement.end] };
  return eslintScope!.analyze(
    program as never,
    {
      ecmaVersion: 2022,
      sourceType: isModule ? 'module' : 'commonjs',
      // A direct eval would leave every name around it unresolved; a function that uses one itself is refused elsewhere.
      ignoreEval: true,
      fallback: (node: object) => childKeys(node as Node),
    } as never,
  );
}

export function offsetAt(syntax: Syntax, line: number, column: number): number {
  return syntax.lines[line]! + column;
}

/** 0-based line and column of an offset. */
export function positionAt({ lines }: Syntax, offset: number): { line: number; column: number } {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low, column: offset - lines[low]! };
}

/**
 * The nodes from the program down to a function or class. V8 gives a function's parameter list, an arrow's start, a
 * class's start or the parameter list of its constructor.
 */
export function pathTo(syntax: Syntax, offset: number, isClass: boolean): Node[] | undefined {
  const path: Node[] = [syntax.program];
  for (let found: Node | undefined = syntax.program; found !== undefined; ) {
    const parent: Node = found;
    found = children(parent).find((child) => child.start <= offset && offset < child.end);
    if (found !== undefined) path.push(found);
  }
  for (let k = path.length - 1; k > 0; k--) {
    const node = path[k]!;
    if (isClass ? isClassNode(node) : isFunctionNode(node) && offset < node.body.start) return path.slice(0, k + 1);
  }
  return undefined;
}

export const isFunctionNode = (node: Node): boolean =>
  node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression';

export const isClassNode = (node: Node): boolean => node.type === 'ClassDeclaration' || node.type === 'ClassExpression';

/** The child nodes in source order as acorn lists them. */
export function children(node: Node): Node[] {
  const out: Node[] = [];
  for (const key of childKeys(node)) {
    const value = node[key];
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) out.push(item);
    } else if (isNode(value)) out.push(value);
  }
  return out;
}

function childKeys(node: Node): string[] {
  return Object.keys(node).filter((key) => key !== 'parent' && typeof node[key] === 'object' && node[key] !== null);
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

/** Who owns `this`, `super`, `arguments` and `new.target` at a point: the function in question, or its surroundings. */
export type Owned = { self: boolean; super: boolean; arguments: boolean };

/**
 * Visits every node of a function or class in question, telling what is its own there. An arrow inherits from its
 * surroundings; a class leaves only its `extends` and computed keys to them.
 */
export function visitOwned(node: Node, owned: Owned, visit: (node: Node, owned: Owned) => void): void {
  visit(node, owned);
  const member: Owned = { self: true, super: true, arguments: true };
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'FunctionExpression':
      visitAll(node, { self: true, super: false, arguments: true }, visit);
      break;
    case 'MethodDefinition':
    case 'PropertyDefinition':
      if (node.computed) visitOwned(node.key, owned, visit);
      if (node.value !== null) visitAll(node.value, member, visit);
      break;
    case 'Property':
      if (node.computed) visitOwned(node.key, owned, visit);
      if (node.method || node.kind !== 'init') visitAll(node.value, member, visit);
      else visitOwned(node.value, owned, visit);
      break;
    case 'MemberExpression':
      visitOwned(node.object, owned, visit);
      if (node.computed) visitOwned(node.property, owned, visit);
      break;
    case 'StaticBlock':
      visitAll(node, member, visit);
      break;
    default:
      visitAll(node, owned, visit);
  }
}

function visitAll(node: Node, owned: Owned, visit: (node: Node, owned: Owned) => void): void {
  for (const child of children(node)) visitOwned(child, owned, visit);
}

/** Whether strict mode holds for the last node of a path. */
export function isStrict(path: Node[]): boolean {
  return path.some((node) => {
    if (isClassNode(node)) return true;
    const body = node.type === 'Program' ? node.body : isFunctionNode(node) ? node.body.body : undefined;
    if (!Array.isArray(body)) return false;
    return body.some((statement: Node) => statement.directive === 'use strict');
  });
}

function declareTopLevel(node: Node, syntax: Syntax, top: boolean): void {
  const { declared } = syntax;
  switch (node.type) {
    case 'VariableDeclaration':
      if (top || node.kind === 'var') for (const { id } of node.declarations) bindNames(id, declared);
      break;
    case 'FunctionDeclaration':
      // A function in a block is visible outside it in sloppy code.
      if (node.id !== null && (top || !syntax.isModule)) declared.add(node.id.name);
      return;
    case 'ClassDeclaration':
      if (top && node.id !== null) declared.add(node.id.name);
      return;
    case 'ImportDeclaration':
      for (const { local } of node.specifiers) declared.add(local.name);
      return;
    case 'ExportNamedDeclaration':
    case 'ExportDefaultDeclaration':
      if (node.declaration) declareTopLevel(node.declaration, syntax, true);
      return;
  }
  if (isFunctionNode(node) || isClassNode(node) || node.type === 'VariableDeclaration') return;
  if (node.type === 'ExpressionStatement') return;
  for (const child of children(node)) declareTopLevel(child, syntax, false);
}

function bindNames(pattern: Node | null, names: Set<string>): void {
  switch (pattern?.type) {
    case 'Identifier':
      names.add(pattern.name);
      break;
    case 'ObjectPattern':
      for (const property of pattern.properties) bindNames(property.value ?? property.argument, names);
      break;
    case 'ArrayPattern':
      for (const element of pattern.elements) bindNames(element, names);
      break;
    case 'AssignmentPattern':
      bindNames(pattern.left, names);
      break;
    case 'RestElement':
      bindNames(pattern.argument, names);
  }
}

function noteExports(node: Node, exports: Map<string, string>): void {
  const { declaration } = node;
  if (node.type === 'ExportDefaultDeclaration') {
    const local = declaration.type === 'Identifier' ? declaration.name : declaration.id?.name;
    const isDeclaration = declaration.type === 'FunctionDeclaration' || declaration.type === 'ClassDeclaration';
    if (local !== undefined && (isDeclaration || declaration.type === 'Identifier')) exports.set(local, 'default');
  } else if (node.type === 'ExportNamedDeclaration' && !node.source) {
    const names = new Set<string>();
    if (declaration?.type === 'VariableDeclaration')
      for (const { id } of declaration.declarations) bindNames(id, names);
    else if (declaration) names.add(declaration.id.name);
    for (const name of names) exports.set(name, name);
    for (const { local, exported } of node.specifiers) exports.set(local.name, exported.name ?? exported.value);
  }
}

function collectAssigned(node: Node, assigned: Set<string>): void {
  switch (node.type) {
    case 'AssignmentExpression':
    case 'ForInStatement':
    case 'ForOfStatement':
      if (node.left.type !== 'VariableDeclaration') bindNames(node.left, assigned);
      break;
    case 'UpdateExpression':
      bindNames(node.argument, assigned);
  }
  for (const child of children(node)) collectAssigned(child, assigned);
}
