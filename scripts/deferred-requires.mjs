// Puts off what a chunk of dist/lib/ requires until it is first used: most programs need a part of the library, and nobody should wait for
// the rest when it is loaded. Compilers of CommonJS call it lazy or inline requires; rolldown has no setting for it.
import ts from 'typescript';

/**
 * The chunk, in which `let name = require('module')` has become a function `name` that requires the module when it is first called, and
 * each `name.property` a `(name()).property`.
 *
 * @param defers whether to put off a module, by the name it is required with
 * @throws Error if one of them is used in another way than by a property
 */
export function deferRequires(code, defers) {
  const source = ts.createSourceFile('chunk.cjs', code, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const edits = [];
  const names = new Set();
  for (const statement of source.statements) {
    const required = requiredBy(statement);
    if (required === undefined || !defers(required.module)) continue;
    const { name, module } = required;
    names.add(name);
    edits.push({ node: statement, text: `let ${name}$;\nconst ${name} = () => (${name}$ ??= require(${JSON.stringify(module)}));` });
  }
  const visit = (node) => {
    if (ts.isIdentifier(node) && names.has(node.text) && !isDeclared(node) && !isPropertyName(node)) {
      if (!ts.isPropertyAccessExpression(node.parent)) throw new Error(`${node.text} cannot be put off: ${node.parent.getText(source)}`);
      // The brackets are for `new`, which would take the function for the class.
      edits.push({ node, text: `(${node.text}())` });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  edits.sort((a, b) => b.node.getStart(source) - a.node.getStart(source));
  let result = code;
  for (const { node, text } of edits) result = result.slice(0, node.getStart(source)) + text + result.slice(node.getEnd());
  return result;
}

/** `{ name, module }` of `let name = require('module');`. */
function requiredBy(statement) {
  if (!ts.isVariableStatement(statement) || statement.declarationList.declarations.length !== 1) return undefined;
  const { name, initializer } = statement.declarationList.declarations[0];
  if (!ts.isIdentifier(name) || initializer === undefined || !ts.isCallExpression(initializer)) return undefined;
  const [argument] = initializer.arguments;
  if (initializer.expression.getText() !== 'require' || argument === undefined || !ts.isStringLiteral(argument)) return undefined;
  return { name: name.text, module: argument.text };
}

const isDeclared = (node) => ts.isVariableDeclaration(node.parent) && node.parent.name === node;

const isPropertyName = (node) => ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
