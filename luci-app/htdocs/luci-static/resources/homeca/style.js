'use strict';
'require baseclass';

/* The style sheet of these pages; a view puts the link at its head. */
return baseclass.extend({
  link() {
    return E('link', { 'rel': 'stylesheet', 'href': L.resource('homeca/device-pages.css') });
  }
});
