// What the theme leaves out for people who use a keyboard or a screen reader.
document.querySelectorAll('[data-md-component="search"][role="dialog"]').forEach((each) => each.setAttribute('aria-label', 'Search'))
const label = () => {
  document.querySelectorAll('.md-typeset pre > code').forEach((each) => each.setAttribute('tabindex', '0'))
  document.querySelectorAll('.md-code__nav').forEach((each, index) => each.setAttribute('aria-label', `Code block ${index + 1}`))
}
label()
new MutationObserver(label).observe(document.body, { childList: true, subtree: true })
