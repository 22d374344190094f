'use strict'

// Files whose names are durable.

const fs = require('fs/promises')
const path = require('path')

// syncDirectory makes the names in a directory durable.
async function syncDirectory (directory) {
  const handle = await fs.open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

// putInPlace gives a file that was synced its name, durably, in the place of another one.
async function putInPlace (from, to) {
  await fs.rename(from, to)
  await syncDirectory(path.dirname(to))
}

// replaceFile makes a file with these bytes, durably: after a crash there is the one before,
// or this one.
async function replaceFile (to, bytes) {
  const handle = await fs.open(`${to}.tmp`, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await putInPlace(`${to}.tmp`, to)
}

// readOrNothing is the content of a file, or nothing where there is none.
async function readOrNothing (file) {
  try {
    return await fs.readFile(file)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

module.exports = { putInPlace, readOrNothing, replaceFile, syncDirectory }
