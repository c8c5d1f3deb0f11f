'use strict'
const models = [...document.querySelectorAll('.model')]
const sections = [...document.querySelectorAll('.environment')]
const fields = ['words', 'where', 'reach', 'state'].map((id) => document.getElementById(id))
const [words, where, reach, state] = fields

function fits(model) {
  const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean)
  const environment = model.closest('.environment').dataset.environment
  const known = `${model.dataset.words} ${environment.toLowerCase()}`
  return asked.every((word) => known.includes(word))
    && (!where.value || where.value === environment)
    && (!reach.value || model.dataset.reach.split(' ').includes(reach.value))
    && (!state.value || model.dataset.state.split(' ').includes(state.value))
}

function show() {
  let shown = 0
  for (const model of models) {
    model.hidden = !fits(model)
    shown += model.hidden ? 0 : 1
  }
  const narrowed = fields.some((field) => field.value)
  for (const section of sections) {
    section.hidden = narrowed && !section.querySelector('.model:not([hidden])')
  }
  document.getElementById('nothing').hidden = shown > 0 || !narrowed
  document.getElementById('count').textContent = `${shown} of ${models.length} models are shown`
  const kept = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.id, field.value]))
  history.replaceState(null, '', kept.size ? `#?${kept}` : location.pathname + location.search)
}

for (const field of fields) field.addEventListener('input', show)
document.querySelector('.filters').addEventListener('submit', (event) => event.preventDefault())
document.getElementById('reset').addEventListener('click', () => {
  for (const field of fields) field.value = ''
  show()
  words.focus()
})
if (location.hash.startsWith('#?')) {
  const given = new URLSearchParams(location.hash.slice(2))
  for (const field of fields) field.value = given.get(field.id) ?? ''
}
let closed = []
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details:not([open])')]
  for (const each of closed) each.open = true
})
addEventListener('afterprint', () => { for (const each of closed) each.open = false })
show()
