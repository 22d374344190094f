'use strict'

// Makes one file of a plugin, its modules and the runtime:
//
//     node pontoon/bundle.js main.js bin/ledger.cjs
//
// The file names the interpreter that ran this program. Modules are CommonJS: those of the
// plugin, and those of packages in node_modules, as long as they are of JavaScript alone.

const fs = require('fs')
const path = require('path')

const REQUIRED = /\brequire\(\s*(['"])([^'"]+)\1\s*\)/g

// A Bundle has modules by name: the path below the folder of the program.
class Bundle {
  constructor (root) {
    this.root = root
    this.modules = new Map()
  }

  // add takes a module and all that it requires, and returns its name.
  add (file) {
    const name = path.relative(this.root, file).split(path.sep).join('/')
    if (this.modules.has(name)) return name
    if (file.endsWith('.node')) throw new Error(`${name} is native code, which one file cannot have`)
    const text = fs.readFileSync(file, 'utf8').replace(/^#!.*/, '')
    const module = { text: file.endsWith('.json') ? `module.exports = ${text}` : text, requires: {} }
    this.modules.set(name, module)
    if (file.endsWith('.json')) return name
    for (const [, , wanted] of text.matchAll(REQUIRED)) {
      const found = resolved(wanted, path.dirname(file))
      if (found) module.requires[wanted] = this.add(found)
    }
    return name
  }

  // text is the program. Each module is a function, so that the thread with the socket can
  // be started with those of the runtime.
  text (main) {
    const names = [...this.modules.keys()].sort()
    const modules = names.map(name => `${JSON.stringify(name)}: [${JSON.stringify(this.modules.get(name).requires)}, ` +
      `function (module, exports, require) {\n${this.modules.get(name).text}\n}]`)
    return `#!${process.execPath} --preserve-symlinks-main\n'use strict'\n${starter}\n` +
      `const pontoonModules = {\n${modules.join(',\n')}\n}\n${source}\n` +
      `const pontoonBundle = { source: pontoonSource }\npontoonStart(pontoonModules, require, ${JSON.stringify(main)})\n`
  }
}

// resolved is the file of a module, or nothing for one of Node itself, and for a package that
// is not there: code that can do without it finds out by itself.
function resolved (wanted, from) {
  try {
    const found = require.resolve(wanted, { paths: [from] })
    return path.isAbsolute(found) ? found : ''
  } catch (error) {
    if (wanted.startsWith('.')) throw error
    return ''
  }
}

const starter = `function pontoonStart (modules, outer, main) {
  const loaded = {}
  function load (name) {
    if (!loaded[name]) {
      const [requires, body] = modules[name]
      const module = loaded[name] = { exports: {} }
      const require = wanted => Object.hasOwn(requires, wanted) ? load(requires[wanted]) : outer(wanted)
      body.call(module.exports, module, module.exports, require)
    }
    return loaded[name].exports
  }
  return load(main)
}`

const source = `function pontoonSource (main) {
  const texts = Object.entries(pontoonModules).filter(([name]) => name.startsWith('pontoon/'))
    .map(([name, [requires, body]]) => JSON.stringify(name) + ': [' + JSON.stringify(requires) + ', ' + body + ']')
  return '(' + pontoonStart + ')({' + texts.join(',\\n') + '}, require, ' + JSON.stringify(main) + ').start()'
}`

function bundle (main, target) {
  const file = path.resolve(main)
  const made = new Bundle(path.dirname(file))
  const name = made.add(file)
  made.add(path.join(__dirname, 'server.js'))
  fs.mkdirSync(path.dirname(target), { recursive: true })
  fs.writeFileSync(target + '.new', made.text(name), { mode: 0o755 })
  fs.renameSync(target + '.new', target)
}

if (require.main === module) {
  if (process.argv.length !== 4) {
    console.error('usage: node pontoon/bundle.js MAIN TARGET')
    process.exit(64)
  }
  bundle(...process.argv.slice(2))
}

module.exports = { bundle }
