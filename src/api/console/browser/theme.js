// Runs before the first paint, so that nobody who chose dark sees a white flash. The choice is no secret: it may stay.
{
  const chosen = localStorage.getItem('order-saga-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
}
