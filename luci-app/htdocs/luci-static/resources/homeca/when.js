'use strict';
'require baseclass';

/* Times as people read them, in their own zone and language. All are seconds since 1970, or null. */

const MOMENT = { dateStyle: 'medium', timeStyle: 'short' };
const DAY = { dateStyle: 'medium' };

function text(seconds, style) {
  const language = document.documentElement.lang || undefined;
  return new Intl.DateTimeFormat(language, style).format(new Date(seconds * 1000));
}

return baseclass.extend({
  /** A day and the time of day; `–` for null. */
  moment(seconds) {
    return seconds === null ? '–' : text(seconds, MOMENT);
  },

  /** A day; `–` for null. */
  day(seconds) {
    return seconds === null ? '–' : text(seconds, DAY);
  },

  /** How long so many hours are, in days where that says more. */
  hours(hours) {
    if (hours < 1) return _('less than an hour');
    if (hours < 48) return N_(Math.round(hours), '%d hour', '%d hours').format(Math.round(hours));
    return N_(Math.round(hours / 24), '%d day', '%d days').format(Math.round(hours / 24));
  }
});
