/**
 * What a function needs in order to run elsewhere, from the syntax of its script alone: is it a module's own binding,
 * which variables does it capture, and what of it can't move.
 */
import { FunctionError } from '../errors.ts';
import { BASE_NAME, fileOf, isBuiltInName, META_NAME, shownName } from './reference.ts';
import {
  isClassNode,
  isStrict,
  type Node,
  type Owned,
  pathTo,
  positionAt,
  type Syntax,
  scopesOf,
  visitOwned,
} from './syntax.ts';

/** The script that a function is part of. */
export type Origin = {
  syntax: Syntax;
  format: 'module' | 'commonjs';
  /** URL of the module, `undefined` for code that exists only in memory. */
  module: string | undefined;
  /** Text that `rebuild.ts` evaluated: its module's own names are not in the syntax. */
  rebuilt: boolean;
  /** Position in the user's own file of a 0-based position in the script, both 1-based. */
  place(line: number, column: number): { line: number; column: number };
};

/** A name at the top level of a module, and the properties that lead from it to a function. */
export type Binding = { name: string; anonymousDefault: boolean; path: string[]; constant: boolean };

export type Found = { origin: Origin; path: Node[]; node: Node; text: string; name: string; start: number };

export type Needs = {
  captures: string[];
  /** It names something of its module, or needs the module to resolve an import. */
  needsModule: boolean;
  eager: boolean;
  text: string;
  isMethod: boolean;
  strict: boolean;
};

/** The function's node; throws `FunctionError` when the text at its place is another one. */
export function findFunction(origin: Origin, offset: number, name: string, text: string): Found {
  const isClass = text.startsWith('class');
  const path = pathTo(origin.syntax, offset, isClass);
  const node = path?.at(-1);
  const start = node === undefined ? -1 : node.end - text.length;
  if (path === undefined || node === undefined || origin.syntax.text.slice(start, node.end) !== text) {
    throw new FunctionError(
      `Function ${shownName(name)} (${fileOf(origin.module)}) can't run in another thread: its source could not be ` +
        'found in its script. Declare it at the top level of a module and export it.',
    );
  }
  return { origin, path, node, text, name, start };
}

/** How a module's own code reaches the function, or `undefined` for a closure. */
export function bindingOf({ path: nodes, origin }: Found): Binding | undefined {
  if (origin.rebuilt || origin.module === undefined) return undefined;
  const path: string[] = [];
  let depth = nodes.length - 1;
  for (;;) {
    const node = nodes[depth]!;
    const parent = nodes[depth - 1]!;
    const outer = nodes[depth - 2];
    switch (parent.type) {
      case 'Program':
        return node.id == null ? undefined : named(node.id.name, path, origin);
      case 'ExportNamedDeclaration':
        return named(node.id.name, path, origin);
      case 'ExportDefaultDeclaration':
        if (node.type.endsWith('Declaration') && node.id !== null) return named(node.id.name, path, origin);
        return { name: 'default', anonymousDefault: true, path, constant: true };
      case 'VariableDeclarator': {
        const top = nodes[depth - 3]?.type;
        if (parent.id.type !== 'Identifier' || (top !== 'Program' && top !== 'ExportNamedDeclaration'))
          return undefined;
        return named(parent.id.name, path, origin);
      }
      case 'MethodDefinition':
      case 'PropertyDefinition':
        if (parent.computed || parent.value !== node || parent.key.type === 'PrivateIdentifier') return undefined;
        if (parent.kind === 'get' || parent.kind === 'set') return undefined;
        if (parent.type === 'PropertyDefinition' && !parent.static) return undefined;
        path.unshift(keyOf(parent));
        if (!parent.static) path.unshift('prototype');
        depth -= 3;
        continue;
      case 'Property':
        if (parent.computed || parent.value !== node || parent.kind !== 'init') return undefined;
        if (outer?.type !== 'ObjectExpression') return undefined;
        path.unshift(keyOf(parent));
        depth -= 2;
        continue;
      case 'CallExpression':
        // esbuild's keepNames: __name(function, 'name').
        if (parent.callee.name !== '__name' || parent.arguments[0] !== node) return undefined;
        depth -= 1;
        continue;
      default:
        return undefined;
    }
  }
}

/** What it takes to evaluate the function elsewhere; throws `FunctionError` for what can't be. */
export function needsOf(found: Found): Needs {
  const { origin, node, path } = found;
  const parent = path.at(-2)!;
  const isMethod = (parent.type === 'MethodDefinition' || parent.type === 'Property') && parent.value === node;
  const method = isMethod && (parent.type === 'MethodDefinition' || parent.method || parent.kind !== 'init');
  if (method && (parent.kind === 'get' || parent.kind === 'set')) {
    throw refusal(found, node, 'it is an accessor', 'Pass a function that reads or writes the property.');
  }
  const around = path.find(({ type }) => type === 'WithStatement');
  if (around !== undefined) throw dynamic(found, around, "it stands in a 'with'");
  const meta: Node[] = [];
  let needsModule = visitKeywords(found, meta);
  const captures = new Set<string>();
  const manager = scopesOf(path[1]!, origin.syntax.isModule);
  let eager = false;
  for (const scope of manager.scopes) {
    for (const { identifier, resolved, ...reference } of scope.references.map(plainReference)) {
      if (identifier.start < node.start || identifier.start >= node.end) continue;
      const { name } = identifier;
      const block = resolved?.scope.block as unknown as Node | undefined;
      const isTop = block === undefined || block.type === 'Program';
      if (!isTop) {
        if (block.start >= node.start && block.end <= node.end) continue;
        if (name === META_NAME) {
          needsModule = true;
          continue;
        }
        if (reference.write) {
          throw refusal(
            found,
            identifier,
            `it assigns to the captured variable '${name}', which nobody else would see`,
            `Share it: make '${name}' a Value or a Shared object of telaio/shared, or return the new value.`,
          );
        }
        const heritage = isClassNode(node) && isWithin(node.superClass, identifier);
        captures.add(heritage ? BASE_NAME : name);
        eager ||= heritage || (isClassNode(node) && isReadAtDefinition(node, identifier));
      } else if (isOfModule(origin, name)) {
        if (origin.module === undefined) throw memoryOnly(found, identifier, `'${name}'`);
        needsModule = true;
      }
    }
  }
  const strict = origin.format === 'module' ? !needsModule : isStrict(path);
  return {
    captures: [...captures],
    needsModule,
    eager,
    text: evaluable(found, method, meta, captures.has(BASE_NAME)),
    isMethod: method,
    strict,
  };
}

/** A `FunctionError` that names the function, its place, the line at fault, and the mend. */
export function refusal(found: Pick<Found, 'origin' | 'name' | 'start'>, at: Node, wrong: string, mend: string) {
  const { origin } = found;
  const place = placeIn(origin, found.start);
  const line = placeIn(origin, at.start).line;
  const where = line === place.line ? '' : ` (line ${line})`;
  return new FunctionError(
    `Function ${shownName(found.name)} (${fileOf(origin.module)}:${place.line}:${place.column}) can't run in another ` +
      `thread: ${wrong}${where}. ${mend}`,
  );
}

export function placeIn(origin: Origin, offset: number): { line: number; column: number } {
  const { line, column } = positionAt(origin.syntax, offset);
  return origin.place(line, column);
}

export function memoryOnly(found: Found, at: Node, what: string): FunctionError {
  return refusal(
    found,
    at,
    `it uses ${what} of a module that exists only in memory`,
    'Move it to a file, or pass what it needs as arguments.',
  );
}

function dynamic(found: Found, at: Node, what: string): FunctionError {
  const mend = 'Write it without, declare it at the top level of a module, or call (0, eval)(…).';
  return refusal(found, at, `${what}, so its variables can't be told`, mend);
}

function named(name: string, path: string[], { syntax }: Origin): Binding {
  return { name, anonymousDefault: false, path, constant: !syntax.assigned.has(name) };
}

const keyOf = (parent: Node): string => String(parent.key.name ?? parent.key.value);

/** Whether a free name may be the module's own. `__name` is esbuild's, which `rebuild.ts` provides where it is missing. */
function isOfModule(origin: Origin, name: string): boolean {
  if (name === '__name') return false;
  if (!isBuiltInName(name) || origin.syntax.declared.has(name)) return true;
  return origin.rebuilt && origin.module !== undefined;
}

type Resolved = { scope: { block: unknown } };
type PlainReference = { identifier: Node; resolved: Resolved | null; write: boolean };

function plainReference(reference: { identifier: unknown; resolved: unknown; isWrite(): boolean }): PlainReference {
  const { identifier, resolved } = reference;
  return { identifier: identifier as Node, resolved: resolved as Resolved | null, write: reference.isWrite() };
}

/** Refuses what belongs to the surroundings, collects `import.meta`, and tells whether the module is needed. */
function visitKeywords(found: Found, meta: Node[]): boolean {
  const { origin, node, path } = found;
  let needsModule = false;
  // Outside of any function and class, `this` is the module's, and stays it when the module's evaluator runs the text.
  const atTop = !path.slice(0, -1).some((outer) => outer.type.startsWith('Function') || isClassNode(outer));
  const taken = (at: Node, what: string, mend: string) => refusal(found, at, `it takes ${what} from outside`, mend);
  const visit = (at: Node, owned: Owned) => {
    switch (at.type) {
      case 'ThisExpression':
        if (owned.self) return;
        if (!atTop || origin.module === undefined) {
          throw taken(at, "'this'", "Pass the object as an argument instead of using 'this', or use a method.");
        }
        needsModule = true;
        return;
      case 'Super':
        if (!owned.super) throw taken(at, "'super'", 'Send the class, or an object of it, and call its method there.');
        return;
      case 'Identifier':
        if (at.name === 'arguments' && !owned.arguments) {
          throw taken(at, "'arguments'", 'Copy it to a variable first: const args = [...arguments].');
        }
        return;
      case 'MetaProperty':
        if (at.meta.name === 'new') {
          if (!owned.self) throw taken(at, "'new.target'", 'Copy it to a variable first.');
          return;
        }
        if (origin.module === undefined) throw memoryOnly(found, at, "'import.meta'");
        needsModule = true;
        meta.push(at);
        return;
      case 'ImportExpression':
        if (origin.module !== undefined) needsModule = true;
        else if (!String(at.source.value).startsWith('node:')) throw memoryOnly(found, at, "'import()'");
        return;
      case 'WithStatement':
        throw dynamic(found, at, "it uses 'with'");
      case 'CallExpression':
        if (at.callee.name === 'eval') throw dynamic(found, at, 'it uses a direct eval');
    }
  };
  visitOwned(node, { self: false, super: false, arguments: false }, visit);
  refusePrivate(found, node, new Set());
  return needsModule;
}

function refusePrivate(found: Found, node: Node, declared: Set<string>): void {
  if (node.type === 'PrivateIdentifier' && !declared.has(node.name)) {
    throw refusal(
      found,
      node,
      `it uses the private name '#${node.name}' of a class outside of it`,
      'Send the class, or declare it at the top level of a module.',
    );
  }
  let known = declared;
  if (node.type === 'ClassBody') {
    known = new Set(declared);
    for (const { key } of node.body) if (key?.type === 'PrivateIdentifier') known.add(key.name);
  }
  for (const key of Object.keys(node)) {
    for (const child of [node[key]].flat()) {
      if (typeof child?.type === 'string') refusePrivate(found, child, known);
    }
  }
}

const isWithin = (part: Node | null, { start }: Node): boolean =>
  part !== null && part.start <= start && start < part.end;

/** Whether a class evaluates this reference while it is defined. Functions inside such places count too. */
function isReadAtDefinition(node: Node, identifier: Node): boolean {
  return node.body.body.some((member: Node) =>
    member.type === 'StaticBlock'
      ? isWithin(member, identifier)
      : (member.computed && isWithin(member.key, identifier)) ||
        (member.type === 'PropertyDefinition' && member.static && isWithin(member.value, identifier)),
  );
}

/** The text with `import.meta` and computed method keys replaced by plain names of the same length and lines. */
function evaluable({ origin, text, start, path, node }: Found, method: boolean, meta: Node[], base: boolean): string {
  let out = text;
  const replace = (from: number, to: number, name: string) => {
    const rest = out
      .slice(Math.min(from - start + name.length, to - start), to - start)
      .replace(/[^\n\r\u2028\u2029]/g, ' ');
    out = out.slice(0, from - start) + name + rest + out.slice(to - start);
  };
  // From behind, since a short `extends` grows.
  const kept = base ? meta.filter((at) => !isWithin(node.superClass, at)) : meta;
  for (const { start: from, end: to } of kept.reverse()) replace(from, to, META_NAME);
  if (base) replace(node.superClass.start, node.superClass.end, BASE_NAME);
  const parent = path.at(-2)!;
  if (method && parent.computed) {
    // The brackets are outside of the key's own range.
    const { text: whole } = origin.syntax;
    const open = whole.lastIndexOf('[', parent.key.start - 1);
    const close = whole.lastIndexOf(']', node.start - 1);
    replace(open, close + 1, '_');
  } else if (method && parent.key.type === 'PrivateIdentifier') replace(parent.key.start, parent.key.end, '_');
  return out;
}
