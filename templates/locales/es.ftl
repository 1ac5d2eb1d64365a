# The words of the pages in Spanish.

language-tag = es
direction = ltr

## Dates and durations

date = { $day } de { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
} de { $year }
date-time = { $date }, { $time } (UTC)
duration-minutes = { $count ->
    [one] { $count } minuto
   *[other] { $count } minutos
}
duration-hours = { $count ->
    [one] { $count } hora
   *[other] { $count } horas
}
duration-days = { $count ->
    [one] { $count } día
   *[other] { $count } días
}

## On every page

account-link = Sus aplicaciones conectadas
support-link = Ayuda
privacy-link = Privacidad
return-to = Volver a { $place }
return-to-app = Volver a la aplicación
sign-in-with = Iniciar sesión con { $upstream }

## The consent page

lead-web = { $place } quiere usar { $resource } en nombre de usted
lead-document = Una aplicación de { $document } quiere usar { $resource } en nombre de usted
lead-loopback = Una aplicación de este equipo quiere usar { $resource } en nombre de usted
lead-private-scheme = Una aplicación de este dispositivo quiere usar { $resource } en nombre de usted
lead-vouched = { $name } quiere usar { $resource } en nombre de usted

# Claims of the app. They stand in quotation marks and are never the first sentence.
claim-vouched = Aplicación configurada por las personas responsables de este servicio.
claim-documented = Ese sitio web llama a esta aplicación «{ $name }».
claim-documented-unnamed = Ese sitio web describe esta aplicación y no le da ningún nombre.
claim-says-document = La aplicación dice llamarse «{ $name }» y haber sido creada por { $document }. Nadie lo ha comprobado.
claim-says-document-unnamed = La aplicación dice haber sido creada por { $document }. Nadie lo ha comprobado.
claim-unchecked = La aplicación dice llamarse «{ $name }». Nadie lo ha comprobado.
claim-unnamed = La aplicación no da ningún nombre, y nadie ha comprobado quién la ha creado.
claim-withheld = La aplicación da un nombre que no se puede mostrar aquí.

doubt-claims-approval = El nombre da a entender que hay una aprobación. Nadie ha aprobado ni comprobado esta aplicación.
doubt-instructs = El nombre le dice lo que tiene que hacer. Un nombre honesto no hace eso.
doubt-confusable = El nombre usa letras que imitan a otras.
doubt-unreadable = El nombre contiene caracteres que podrían engañarle.
doubt-well-known-web = Usted ya conoce «{ $name }». { $place } no es su sitio web: probablemente no es la aplicación que usted cree.
doubt-well-known-scheme = Usted ya conoce «{ $name }». La aplicación de ese nombre no abre enlaces { $place }: probablemente no es la que usted cree.
doubt-address = El nombre contiene una dirección. No es ahí adonde va el acceso.

danger-elsewhere = Quien recibe el acceso es { $place }. No es { $document }, el sitio web que describe esta aplicación.
danger-confusable = { $place } se escribe con letras que imitan otra dirección.

question-web = ¿Acaba de llegar aquí desde { $place }? Si no es así, rechace.
question-loopback = ¿Acaba usted de empezar a conectar una aplicación en este equipo? Si no es así, rechace: no podemos ver qué aplicación lo pide.
question-private-scheme = ¿Acaba usted de empezar a conectar una aplicación en este dispositivo? Si no es así, rechace: no podemos ver qué aplicación lo pide.
question-vouched = ¿Acaba usted de empezar a conectar { $name }? Si no es así, rechace.

what-heading = Lo que podría hacer la aplicación
what-everything = Todo lo que usted puede hacer allí: la aplicación no ha puesto ningún límite
upstream-tokens = { $resource } recibe una llave de su cuenta de { $upstream } (un token de acceso) y puede actuar allí en su nombre.
group-reading = Solo consultar
group-changing = Cambiar algo
new-scope = nuevo
tools = { $count ->
    [one] da acceso a { $count } herramienta
   *[other] da acceso a { $count } herramientas
}
choice-hint = Desmarque lo que no quiera permitir. Es posible que entonces la aplicación no pueda hacer todo lo que ofrece.
presets = Marcar { $read_only } o { $everything }.
preset-read-only = solo consultar
preset-everything = todo

as-known = Como <strong>{ $person }</strong>, con su cuenta de { $upstream }
not-you = Usar otra cuenta
next-sign-in = Siguiente paso: iniciar sesión en { $upstream }. Allí elegirá la cuenta.
next-known = Siguiente paso: { $upstream } confirma que es usted.
how-long = El acceso dura como máximo { $lifetime }. Puede ponerle fin antes en { $apps }.
policy-linked = Si lo permite, acepta también las condiciones de { $issuer }: { $policy }.
policy-plain = Si lo permite, acepta también las condiciones de { $issuer }, versión { $version }.
policy-version = versión { $version }

answer-heading = ¿Lo permite?
deny = Rechazar
approve = Permitir
closing-fresh = ¿Tiene dudas? Rechace, o cierre esta página: no pasa nada mientras usted no lo permita.
closing-approved = ¿No quería permitirlo? Rechace ahora.

notice-changed = <strong>Revíselo de nuevo, por favor.</strong> Algo ha cambiado en esta aplicación desde que se le mostró esta página. Todavía no se ha decidido nada.
notice-policy = <strong>Las condiciones han cambiado</strong> desde que permitió esta aplicación. Lo que permitió sigue en pie; lea las novedades antes de responder.
notice-approved = <strong>Usted lo ha permitido, pero aún no ha iniciado sesión.</strong> Abajo verá lo que eligió. Hasta que inicie sesión, puede cambiarlo: lo que cuenta es su última respuesta.
notice-signing-in = <strong>Usted lo ha permitido, y su inicio de sesión se está completando.</strong> Abajo verá lo que eligió. Todavía puede rechazarlo; para permitir otra cosa, empiece de nuevo desde la aplicación.
notice-embedded = Esta página se muestra dentro de otra aplicación, que podría leer lo que escriba a continuación. Si puede, ábrala en su propio navegador.

details-heading = Detalles
details-app = La aplicación
details-registered = Vista aquí por primera vez el
details-address = Dirección que recibe el acceso
details-resource = Dirección de { $resource }
details-scopes = Nombres de los permisos
details-deny = Si rechaza
details-deny-text = No se comparte nada. La aplicación sabrá que usted ha dicho que no, y nada más sobre usted.

goes-to-web = Quien recibe el acceso es { $place }.
goes-to-loopback = Quien recibe el acceso es una aplicación de este equipo, en { $place }.
goes-to-private-scheme = Quien recibe el acceso es la aplicación que abre los enlaces { $place } en este dispositivo.

## The page with one button

one-click-before = Usted ya lo permitió antes. { $goes }
one-click-button = Continuar como { $person }
one-click-full = Mostrar todo, o rechazar
one-click-closing = ¿Tiene dudas? Cierre esta página: no pasa nada mientras usted no continúe.

## After the login

signed-in-title = Ha iniciado sesión como { $person }. ¿Es usted?
signed-in-account = La cuenta { $account } de { $upstream }.
signed-in-warning = Si esta no es su cuenta, no continúe: la aplicación actuaría en nombre de otra persona, y esa persona podría ver lo que usted haga allí.
signed-in-what = Lo que está a punto de permitir
signed-in-notice-changed = <strong>Revíselo de nuevo, por favor.</strong> Algo ha cambiado en esta aplicación desde que se le mostró esta página. Todavía no se ha compartido nada.
signed-in-answer = ¿Es usted?

## The page of a finished request

allowed-lead-web = Ha permitido que { $place } use { $resource } en nombre de usted
allowed-lead-document = Ha permitido que una aplicación de { $document } use { $resource } en nombre de usted
allowed-lead-loopback = Ha permitido que una aplicación de este equipo use { $resource } en nombre de usted
allowed-lead-private-scheme = Ha permitido que una aplicación de este dispositivo use { $resource } en nombre de usted
allowed-lead-vouched = Ha permitido que { $name } use { $resource } en nombre de usted
allowed-ended = <strong>Esto ha terminado.</strong> Usted retiró el permiso, o se acabó su tiempo. La aplicación ya no puede hacer nada con él.
allowed-too-late = <strong>Esta respuesta ha llegado demasiado tarde.</strong> Usted ya lo había permitido, y la aplicación tiene su acceso. Seguirá teniéndolo hasta que usted retire el permiso.
allowed-what = Lo que permitió el { $day }
allowed-back = Cómo retirar el permiso
allowed-nothing-left = No queda nada que retirar. El acceso termina enseguida, o en cuestión de minutos allí donde no se comprueba cada vez.
allowed-take-back = Con esto termina todo lo que la aplicación puede hacer en { $resource } en nombre de usted: enseguida, o en cuestión de minutos allí donde el acceso no se comprueba cada vez.
allowed-take-back-button = Retirar el permiso
allowed-other-session = En este navegador no hay una sesión iniciada con la cuenta que utilizó. Inicie sesión con ella y después quite el acceso en { $apps }.

## Connected apps

account-title = Sus aplicaciones conectadas
account-intro = Estas aplicaciones pueden usar algo en nombre de usted. Si quita una, no podrá hacer nada más hasta que usted se lo permita de nuevo.
account-person = Ha iniciado sesión como <strong>{ $person }</strong>, con su cuenta de { $upstream }.
account-incomplete = Hay más de las que caben en esta página. Cuando quite algunas, aparecerán las demás.
account-empty = Ninguna aplicación tiene acceso a nada aquí con esta cuenta.
account-empty-hint = ¿Esperaba ver alguna? Quizá usó otra cuenta de { $upstream } cuando la conectó.
account-just-removed = <strong>Hecho.</strong> Estas aplicaciones ya no pueden hacer nada:
app-vouched = { $name }
app-documented = Una aplicación de { $document }
app-unknown = Una aplicación
app-removed = Esta aplicación ya no se conoce aquí, así que ahora no puede hacer nada.
receiver-web = { $place }
receiver-loopback = Una aplicación de un equipo ({ $place })
receiver-private-scheme = Una aplicación de un dispositivo ({ $place })
account-also = También recibió el acceso:
account-scopes = Lo que la aplicación puede hacer en { $resource }
account-since = Permitida el { $time }
account-last-used = Usada por última vez el { $time }
account-unused = Sin uso reciente
account-expires = Termina el { $time } a más tardar
account-remove = Quitar
account-all-heading = Todas a la vez
account-all-summary = Quitar todas las aplicaciones…
account-all-text = Cada una de las aplicaciones de arriba tendrá que volver a preguntarle antes de poder hacer nada.
account-all-button = Sí, quitar todas las aplicaciones
account-connection-heading = Lo que este servicio puede hacer por usted en { $upstream }
account-connection-in-order = Este servicio puede usar su cuenta de { $upstream } para hacer lo que le piden sus aplicaciones. Las aplicaciones nunca reciben ese acceso.
account-connection-since = Usted inició sesión el { $time }
account-connection-scopes = Lo que abarca el acceso, en palabras de { $upstream }
account-connection-scopes-unknown = { $upstream } no lo ha indicado
account-connection-end = Desconectar
account-connection-end-hint = Sus aplicaciones siguen permitidas, pero lo que necesitan de { $upstream } no funcionará hasta que usted vuelva a iniciar sesión allí.
account-connection-sign-in = { $upstream } ya no acepta este acceso, o ha caducado. La aplicación que lo necesite le pedirá que inicie sesión de nuevo.
account-connection-ended = Desconectado el { $time }. La aplicación que necesite este acceso le pedirá que inicie sesión de nuevo.
account-connection-just-ended = <strong>Desconectado.</strong> Este servicio ya no puede hacer nada por usted en { $upstream }. Sus aplicaciones siguen permitidas.
account-removed-heading = Quitadas en los últimos 30 días
account-removed-app = { $app }, en { $resource }
account-removed-hint = El acceso termina enseguida, o en cuestión de minutos allí donde no se comprueba cada vez. Lo que una aplicación hubiera obtenido antes, puede haberlo guardado.
account-session-heading = Esta página
account-session = Si no usa esta página, su sesión se cierra a los 15 minutos.
account-sign-out = Cerrar sesión en esta página
sign-in-text = Aquí puede ver qué aplicaciones pueden usar algo en nombre de usted, y retirarles el permiso. Para mostrarle las suyas y las de nadie más, necesitamos saber quién es usted.
sign-in-state = No ha iniciado sesión en esta página.
sign-in-closing = Iniciar sesión aquí no da nada a ninguna aplicación. Solo le preguntamos a { $upstream } quién es usted.

## The page at the service’s own address

home-title = Inicio de sesión y permisos
home-text = Este servicio le pregunta antes de que una aplicación pueda usar algo en nombre de usted. Son las aplicaciones las que le traen aquí; usted no tiene que empezar nada aquí.
home-account = Puede ver lo que ha permitido, y retirarlo, en { $apps }.

## Errors

error-next-heading = Qué puede hacer
error-details-heading = Para las personas responsables de este servicio
error-request-id = Número de la solicitud
error-reason = Motivo
error-details = Detalles
error-retry = Volver a abrir la pregunta
error-account = Ha usado <strong>{ $person }</strong>, su cuenta de { $upstream }.

start-again = Vuelva a la aplicación que estaba conectando y empiece de nuevo la conexión desde allí.
tell-the-maker = Vuelva a la aplicación e inténtelo una vez más. Si acaba otra vez aquí, la aplicación tiene un fallo que solo puede arreglar quien la creó: dígale lo que aparece en esta página. Los detalles de abajo le ayudarán.
tell-us = Inténtelo de nuevo dentro de un momento. Si vuelve a ocurrir, avise a las personas responsables de este servicio y deles el número de la solicitud que aparece abajo.
refused-app = La solicitud de la aplicación no se puede aceptar tal como está

error-not-found =
    .title = Aquí no hay nada
    .what = Esta dirección no lleva a ninguna página.
    .next = Compruebe la dirección, o vuelva a la aplicación de la que viene.
error-method-not-allowed =
    .title = Eso no funciona aquí
    .what = Esta dirección existe, pero no para este tipo de solicitud.
    .next = { start-again }
error-too-many-requests =
    .title = Espere un momento, por favor
    .what = Han llegado más solicitudes de las que se atienden en tan poco tiempo, de usted o de otras personas de su red.
    .next = Espere un minuto y vuelva a cargar esta página. Si no da resultado, empiece de nuevo desde la aplicación.
error-at-capacity =
    .title = Inténtelo de nuevo en un momento, por favor
    .what = Hay tanta actividad que este servicio no puede responder ahora mismo.
    .next = Espere unos segundos y vuelva a cargar esta página. Si no da resultado, empiece de nuevo desde la aplicación.
error-issuer-unknown =
    .title = Aquí no hay nada
    .what = En esta dirección no responde ningún servicio de inicio de sesión.
    .next = Compruebe la dirección, o vuelva a la aplicación de la que viene.
error-parameter-repeated =
    .title = { refused-app }
    .what = La solicitud de la aplicación dice lo mismo más de una vez.
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = En la solicitud de la aplicación falta algo necesario.
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = La solicitud de la aplicación no se pudo leer.
    .next = { tell-the-maker }
error-request-too-large =
    .title = Esta solicitud es demasiado grande
    .what = Su navegador o la aplicación ha enviado más de lo que se acepta aquí.
    .next = Vuelva a la aplicación y empiece de nuevo. Si no da resultado, borre antes en su navegador las cookies de este sitio web.
error-unauthenticated =
    .title = Este servicio no está bien configurado
    .what = Dos partes de este servicio no se reconocen entre sí. No es culpa de usted, ni de la aplicación.
    .next = Avise a las personas responsables de este servicio y deles el número de la solicitud que aparece abajo.
error-permission-denied =
    .title = Este servicio no está bien configurado
    .what = Dos partes de este servicio no se reconocen entre sí. No es culpa de usted, ni de la aplicación.
    .next = Avise a las personas responsables de este servicio y deles el número de la solicitud que aparece abajo.
error-record-unknown =
    .title = Aquí no hay nada
    .what = Lo que se pidió no está aquí, o ya no está.
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = Otro servicio ha pedido algo que ya no existe.
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = Otro servicio ha pedido algo que ya no existe.
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = Otro servicio ha pedido algo que ya no existe.
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = Otro servicio ha pedido algo que ya no existe.
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = Dos solicitudes distintas llevan el mismo número.
    .next = { tell-the-maker }
error-store-unavailable =
    .title = Inténtelo de nuevo en un momento, por favor
    .what = Este servicio no puede responder ahora mismo.
    .next = Espere unos segundos y vuelva a cargar esta página. Si no da resultado, empiece de nuevo desde la aplicación.
error-storage-short =
    .title = Por el momento no se admiten conexiones nuevas
    .what = Este servicio no tiene espacio para nada nuevo ahora mismo. Las conexiones que usted ya tiene siguen funcionando.
    .next = Inténtelo más tarde. El registro del servicio se lo indica a las personas responsables.
error-fault =
    .title = Algo ha salido mal
    .what = Se ha producido un error en este servicio, y ha quedado registrado.
    .next = { tell-us }
error-client-unknown =
    .title = Esta aplicación no se conoce aquí
    .what = La aplicación no está registrada en este servicio, o su registro ha caducado.
    .next = En la aplicación, quite esta conexión y añádala otra vez; la aplicación se presentará entonces de nuevo.
error-client-disabled =
    .title = Esta aplicación está bloqueada
    .what = Las personas responsables de este servicio han bloqueado la aplicación.
    .next = Si cree que es un error, pregunte a esas personas y deles el número de la solicitud que aparece abajo.
error-client-authentication-failed =
    .title = La aplicación no ha podido demostrar quién es
    .what = La aplicación ha presentado una clave equivocada, o ninguna.
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = La aplicación no ha podido demostrar quién es
    .what = La aplicación ha presentado una clave equivocada, o ninguna.
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = La aplicación no ha podido demostrar quién es
    .what = La aplicación ha presentado una clave equivocada, o ninguna.
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = La aplicación no ha podido demostrar quién es
    .what = La aplicación ha presentado una clave equivocada, o ninguna.
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = La aplicación no ha podido demostrar quién es
    .what = La aplicación ha presentado una clave equivocada, o ninguna.
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = La aplicación no ha podido demostrar quién es
    .what = La aplicación ha presentado una clave equivocada, o ninguna.
    .next = { tell-the-maker }
error-access-token-missing =
    .title = La aplicación no tiene acceso aquí
    .what = La aplicación no ha traído ninguna clave, o ha traído una que no vale aquí.
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = La aplicación no tiene acceso aquí
    .what = La aplicación no ha traído ninguna clave, o ha traído una que no vale aquí.
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = La aplicación no puede hacer esto
    .what = Lo que se le ha permitido a la aplicación no incluye esto.
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = La aplicación ha dicho de dos maneras a la vez quién es.
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = Esta solicitud se ha detenido
    .what = El acceso iba a ir a una dirección que la aplicación nunca registró. Puede ser un error, o alguien que intenta entrar en su cuenta.
    .next = No se ha compartido nada. Si ha llegado aquí por un enlace que alguien le envió, no vuelva a usarlo. Si es usted quien está conectando una aplicación, quite allí la conexión y añádala otra vez.
error-metadata-url-invalid =
    .title = { refused-app }
    .what = La aplicación se presenta con una dirección que no se puede consultar.
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = No se aceptan aplicaciones de ese sitio web
    .what = Las personas responsables de este servicio solo aceptan aplicaciones de los sitios web que han elegido.
    .next = Si cree que esta aplicación debería estar entre ellas, pregunte a esas personas y deles el número de la solicitud que aparece abajo.
error-metadata-document-invalid =
    .title = El sitio web de la aplicación no la avala
    .what = La aplicación dice que un sitio web la describe. Lo que hay allí no corresponde a la aplicación, o no hay nada.
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = El sitio web de la aplicación no responde
    .what = La aplicación dice que un sitio web la describe, y ahora mismo no se puede consultar ese sitio web.
    .next = Espere un minuto y vuelva a cargar esta página. Si sigue igual, puede que el sitio web de la aplicación no funcione.
error-redirect-uri-forbidden =
    .title = Esta aplicación no se puede conectar aquí
    .what = Las personas responsables de este servicio no permiten que el acceso vaya adonde esta aplicación quiere.
    .next = Si cree que es un error, pregunte a esas personas y deles el número de la solicitud que aparece abajo.
error-registrations-full =
    .title = Por el momento no se admiten aplicaciones nuevas
    .what = Ya se han presentado aquí tantas aplicaciones como este servicio puede guardar.
    .next = Inténtelo más tarde. Si sigue igual, pregunte a las personas responsables de este servicio.
error-registration-closed =
    .title = Las aplicaciones no pueden presentarse aquí por sí mismas
    .what = Las personas responsables de este servicio añaden las aplicaciones a mano.
    .next = Pídales que añadan la aplicación que usted quiere conectar.
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = Un servidor ha pedido algo que aquí no se ofrece.
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = Un servidor ha pedido acceso a una cuenta que aquí no se usa.
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = Un servidor ha pedido acceso a su cuenta del servicio de inicio de sesión, y aquí no lo obtiene.
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = Hay que permitirlo de nuevo
    .what = Todavía no se le ha dicho que el servidor actúa en su nombre en el servicio de inicio de sesión.
    .next = Empiece de nuevo la conexión desde la aplicación.
error-account-no-longer-allowed =
    .title = Esta cuenta ya no se admite aquí
    .what = Las personas responsables de este servicio ya no admiten esta cuenta. Se ha comunicado a la aplicación que su acceso ha terminado.
    .next = Empiece de nuevo la conexión desde la aplicación si tiene otra cuenta que sí se admita. Si cree que esta también debería admitirse, pregunte a las personas responsables de este servicio y deles el número de la solicitud que aparece abajo.
error-upstream-login-needed =
    .title = Tiene que iniciar sesión de nuevo
    .what = El servicio de inicio de sesión ya no acepta esta conexión.
    .next = Empiece de nuevo la conexión desde la aplicación.
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = Ahora mismo no se puede contactar con el servicio donde usted inicia sesión.
    .next = Espere un minuto e inténtelo de nuevo.
error-token-type-unsupported =
    .title = { refused-app }
    .what = La aplicación ha querido devolver algo que no se puede devolver.
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = La aplicación no ha dicho adónde debe ir el acceso.
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = La aplicación ha pedido una forma de iniciar sesión que aquí no se ofrece.
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = La aplicación ha pedido una forma de iniciar sesión que aquí no se ofrece.
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = La aplicación ha pedido una forma de iniciar sesión que aquí no se ofrece.
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = La aplicación ha pedido una forma de iniciar sesión que aquí no se ofrece.
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = La aplicación ha omitido una protección (PKCE) que aquí es obligatoria.
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = La aplicación ha omitido una protección (PKCE) que aquí es obligatoria.
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = La aplicación ha omitido una protección (PKCE) que aquí es obligatoria.
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = La aplicación ha pedido acceso a algo que este servicio no protege.
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = La aplicación no ha dicho a qué quiere acceder.
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = La aplicación ha pedido un permiso que aquí no existe.
    .next = { tell-the-maker }
error-interaction-required =
    .title = Hay que preguntarle a usted
    .what = La aplicación ha intentado conectarse sin mostrarle ninguna página. Aquí eso no es posible.
    .next = { start-again }
error-ticket-invalid =
    .title = Esta página no es válida
    .what = El enlace a esta página está incompleto.
    .next = { start-again }
error-ticket-expired =
    .title = Esta página ha caducado
    .what = Ha pasado demasiado tiempo desde que la aplicación le trajo aquí. No se ha compartido nada.
    .next = { start-again }
error-cross-site =
    .title = Esta solicitud se ha detenido
    .what = Otro sitio web ha intentado responder en lugar de usted. No se ha decidido ni compartido nada.
    .next = Cierre el otro sitio web. Si es usted quien está conectando una aplicación, empiece de nuevo desde allí.
error-browser-cookie-missing =
    .title = Su navegador no ha devuelto la cookie
    .what = Su respuesta solo se puede aceptar del navegador que mostró la pregunta, y eso lo demuestra una cookie. La cookie no ha vuelto. No se ha decidido nada.
    .next = Permita las cookies de este sitio web y empiece de nuevo desde la aplicación. Si la aplicación abrió esta página en una ventana propia, use su navegador habitual.
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = Esta dirección empieza por http, y algunos navegadores, entre ellos Safari, no guardan ahí ninguna cookie protegida. Use aquí Chrome, Edge o Firefox, o una dirección que empiece por https.
error-form-token-invalid =
    .title = No se ha podido aceptar su respuesta
    .what = No corresponde a la página que se mostró en este navegador. No se ha decidido nada.
    .next = Vuelva atrás, cargue de nuevo la página y responda otra vez. Si no da resultado, empiece de nuevo desde la aplicación.
error-decision-missing =
    .title = Todavía no ha elegido
    .what = No ha llegado ni «Permitir» ni «Rechazar», o no quedaba nada marcado que permitir. No se ha decidido nada.
    .next = Vuelva atrás y pulse uno de los dos botones.
error-already-decided =
    .title = Usted lo ha rechazado
    .what = Respondió que no, y así se le comunicó a la aplicación. No se ha compartido nada, ni se compartirá.
    .next = Para permitirlo a pesar de todo, empiece de nuevo la conexión desde la aplicación.
error-login-begun =
    .title = Ya no se puede cambiar su respuesta
    .what = Usted lo permitió antes, y el inicio de sesión correspondiente ya ha empezado. Lo que cuenta es lo que marcó entonces.
    .next = Para detenerlo, vuelva atrás y elija «Rechazar». Para permitir otra cosa, empiece de nuevo la conexión desde la aplicación.
error-state-invalid =
    .title = Este enlace no es válido
    .what = No corresponde a ningún inicio de sesión empezado aquí.
    .next = { start-again }
error-login-replaced =
    .title = Entretanto ha respondido otra vez
    .what = Este inicio de sesión corresponde a una respuesta suya anterior, y otra posterior la ha sustituido. Esta página no ha compartido nada.
    .next = Inicie sesión en la página donde respondió por última vez, o empiece de nuevo la conexión desde la aplicación.
error-state-cookie-missing =
    .title = Este inicio de sesión no puede continuar aquí
    .what = Se empezó en otro navegador, o ya ha terminado. Esta página no ha compartido nada.
    .next = Si alguien le envió este enlace, cierre la página. Si era usted quien estaba conectando una aplicación, empiece de nuevo desde allí y no cambie de navegador.
error-browser-mismatch =
    .title = Esta solicitud se ha detenido
    .what = El navegador que inició sesión no es el que dio el permiso. No se ha compartido nada.
    .next = Si alguien le envió un enlace para iniciar sesión, cierre la página. Si era usted quien estaba conectando una aplicación, empiece de nuevo desde allí y no cambie de navegador.
error-login-expired =
    .title = El inicio de sesión ha tardado demasiado
    .what = Se ha acabado el tiempo para iniciar sesión. No se ha compartido nada.
    .next = { start-again }
error-login-interrupted =
    .title = El inicio de sesión se ha interrumpido
    .what = Este inicio de sesión se está completando en otro lugar, o se cortó por el camino.
    .next = Mire en la aplicación: puede que ya esté conectada. Si no lo está, empiece de nuevo la conexión desde allí.
error-already-finished =
    .title = Este inicio de sesión ya ha terminado
    .what = La página se abrió una vez más cuando ya estaba todo hecho.
    .next = Puede cerrarla. Si la aplicación no está conectada, empiece de nuevo la conexión desde allí.
error-too-many-failed-logins =
    .title = Espere un momento, por favor
    .what = Han fallado demasiados inicios de sesión, de usted o de otras personas de su red. El suyo todavía no se ha intentado.
    .next = Espere un minuto y vuelva a cargar esta página.
error-upstream-unavailable =
    .title = El servicio de inicio de sesión no responde
    .what = Ahora mismo no se puede contactar con el servicio donde usted inicia sesión. No se ha compartido nada.
    .next = Espere un minuto y empiece de nuevo la conexión desde la aplicación.
error-upstream-invalid =
    .title = No se ha podido verificar el inicio de sesión
    .what = El servicio donde usted inicia sesión ha dado una respuesta que no es de fiar. No se ha compartido nada.
    .next = { tell-us }
error-upstream-denied =
    .title = No se ha iniciado la sesión
    .what = Se canceló, o el servicio donde usted inicia sesión lo rechazó. No se ha compartido nada.
    .next = { start-again }
error-signed-in-as-another =
    .title = No era usted
    .what = Se inició sesión con la cuenta de otra persona. No se ha compartido nada, y la aplicación no recibe nada.
    .next = Cierre la sesión en el servicio donde usted inicia sesión. Después, empiece de nuevo la conexión desde la aplicación e inicie sesión con su propia cuenta.
error-account-not-allowed =
    .title = Esta cuenta no se admite aquí
    .what = Las personas responsables de este servicio solo admiten determinadas cuentas, y esta no es una de ellas. No se ha compartido nada, y la aplicación no recibe nada.
    .next = ¿Tiene otra cuenta que sí se admita? Use esa. Si cree que esta también debería admitirse, pregunte a las personas responsables de este servicio y deles el número de la solicitud que aparece abajo.
error-account-session-missing =
    .title = Su sesión se ha cerrado
    .what = Esta página cierra su sesión cuando pasa un rato sin usarse. No se ha cambiado nada.
    .next = Vuelva a sus aplicaciones conectadas, inicie sesión e inténtelo de nuevo.
error-grant-type-unsupported =
    .title = { refused-app }
    .what = La aplicación ha pedido acceso de una manera que no le está abierta.
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = La aplicación ha pedido acceso de una manera que no le está abierta.
    .next = { tell-the-maker }
error-code-invalid =
    .title = Hay que hacer de nuevo la conexión
    .what = El código de la aplicación no es válido.
    .next = { start-again }
error-code-replayed =
    .title = Hay que hacer de nuevo la conexión
    .what = El código de la aplicación se usó dos veces, así que se ha terminado el acceso que daba.
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = La aplicación ha indicado una dirección distinta de la que se permitió.
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = La aplicación no ha podido demostrar que fue ella quien empezó esta conexión.
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = Hay que hacer de nuevo la conexión
    .what = El acceso de la aplicación no es válido.
    .next = { start-again }
error-refresh-token-replayed =
    .title = Hay que hacer de nuevo la conexión
    .what = Se volvió a usar una clave antigua de la aplicación, así que se ha terminado su acceso.
    .next = { start-again }
error-grant-ended =
    .title = Hay que hacer de nuevo la conexión
    .what = El acceso de la aplicación ha terminado o se ha retirado.
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = La aplicación no puede recibir el acceso en la dirección que ha indicado.
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = Lo que la aplicación dice de sí misma no se puede aceptar aquí.
    .next = { tell-the-maker }
