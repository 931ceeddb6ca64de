// Runs before the first paint, so that a page in dark mode never flashes white. The choice is not secret, so it may be
// stored.
{
  const chosen = localStorage.getItem('order-saga-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
}
