'use strict';
'require view';
return view.extend({ render() { return E('h2', {}, [ _('Log') ]); } });
